#include "pipeline/report/study_table.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pipeline/report/study_page.h"
#include "pipeline/report/study_report.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;
using ::testing::Not;

const double kMissing = std::nan("");

// 0.30, 0.36, 0.42: mean 0.36, squares of 0.06 twice, 0.0072 / 2 = 0.06^2.
// 10, 14: mean 12, 4 + 4 by 1: sqrt(8).
StudyTable ThreeSeeds() {
  const auto table = [](double share, double length, double zero) {
    return StageTable{{"sums/pass@1", "sums/mean_length"},
                      {"sums", "tokens of sums"},
                      {{"base", {share, length}}, {"zero", {zero, kMissing}}}};
  };
  return MergeStageTables("table", {1, 2, 3},
                          {table(0.30, 10, 1), table(0.42, kMissing, 1),
                           table(0.36, 14, kMissing)});
}

std::string Shown(const StudyTable& table, size_t row, size_t column) {
  return FormatSpread(table.columns[column],
                      SpreadOf(table.rows[row].values[column]), table.n);
}

TEST(StudyTableTest, MeanAndSampleDeviation) {
  Spread spread = SpreadOf({2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_EQ(spread.n, 8);
  EXPECT_DOUBLE_EQ(spread.mean, 5);
  EXPECT_DOUBLE_EQ(spread.sd, std::sqrt(32.0 / 7));
  spread = SpreadOf({kMissing, 0.30, 0.42, 0.36});
  EXPECT_EQ(spread.n, 3);
  EXPECT_NEAR(spread.mean, 0.36, 1e-15);
  EXPECT_NEAR(spread.sd, 0.06, 1e-15);
  // Far from 0, where the difference of two sums would lose it.
  EXPECT_DOUBLE_EQ(SpreadOf({1e9, 1e9 + 2}).sd, std::sqrt(2));
  EXPECT_EQ(SpreadOf({3, 3, 3}).sd, 0);
}

TEST(StudyTableTest, OneValueHasNoSpreadAndNoneHasNoMean) {
  EXPECT_EQ(SpreadOf({7}).mean, 7);
  EXPECT_THAT(SpreadOf({7}).sd, IsNan());
  EXPECT_EQ(SpreadOf({kMissing}).n, 0);
  EXPECT_THAT(SpreadOf({kMissing}).mean, IsNan());
  EXPECT_EQ(FormatSpread("pass@1", SpreadOf({0.5}), 1), "50.0");
  EXPECT_EQ(FormatSpread("pass@1", SpreadOf({kMissing}), 1), "-");
}

TEST(StudyTableTest, CellsSayMeanSpreadAndOfHowMany) {
  const StudyTable table = ThreeSeeds();
  EXPECT_EQ(Shown(table, 0, 0), "36.0 ± 6.0");
  EXPECT_EQ(Shown(table, 0, 1), "12.0 ± 2.8 (n 2)");
  EXPECT_EQ(Shown(table, 1, 0), "100.0 ± 0.0 (n 2)");
  EXPECT_EQ(Shown(table, 1, 1), "-");
}

TEST(StudyTableTest, RowsAndColumnsAreMatchedByName) {
  const StudyTable table = MergeStageTables(
      "table", {5, 6, 7},
      {StageTable{{"a", "b"}, {"A", "B"}, {{"base", {1, 2}}}}, std::nullopt,
       StageTable{
           {"b", "c"}, {"B", "C"}, {{"zero", {9, 8}}, {"base", {4, 3}}}}});
  EXPECT_EQ(table.seeds, (std::vector<uint64_t>{5, 6, 7}));
  EXPECT_EQ(table.n, 2);
  EXPECT_THAT(table.columns, ElementsAre("a", "b", "c"));
  EXPECT_THAT(table.labels, ElementsAre("A", "B", "C"));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0].stage, "base");
  EXPECT_THAT(
      table.rows[0].values,
      ElementsAre(ElementsAre(1, IsNan(), IsNan()), ElementsAre(2, IsNan(), 4),
                  ElementsAre(IsNan(), IsNan(), 3)));
  EXPECT_EQ(table.rows[1].stage, "zero");
  EXPECT_THAT(table.rows[1].values[1], ElementsAre(IsNan(), IsNan(), 9));
}

TEST(StudyTableTest, LinesUpOnATerminal) {
  EXPECT_EQ(RenderStudyTable(ThreeSeeds()),
            "  stage             sums %    tokens of sums\n"
            "  base          36.0 ± 6.0  12.0 ± 2.8 (n 2)\n"
            "  zero   100.0 ± 0.0 (n 2)                 -\n");
}

TEST(StudyTableTest, WideTablesAreSplitIntoBlocks) {
  StageTable wide;
  wide.rows = {{"base", {}}};
  for (int i = 0; i < 9; ++i) {
    wide.columns.push_back(absl::StrCat("task", i, "/pass@1"));
    wide.labels.push_back(absl::StrCat("task ", i));
    wide.rows[0].values.push_back(0.1 * i);
  }
  const std::string text = RenderStudyTable(MergeStageTables("t", {1}, {wide}));
  // 2 + 5 + 7 x 10 are 77 columns.
  EXPECT_THAT(text, HasSubstr("task 6 %\n  base   "));
  EXPECT_THAT(text, HasSubstr("  60.0\n\n  stage  task 7 %  task 8 %\n"));
  EXPECT_THAT(text, HasSubstr("  80.0\n"));
}

// A study of two seeds, of which one is whole.
Study TwoSeeds(const std::string& dir, const std::string& name) {
  Study study;
  study.dir = dir;
  study.recipe.set_seed(9);
  study.runs.resize(2);
  study.runs[0] = {1, true, true, "", "abcdef", 61, {{name, 60, "0123"}}};
  study.runs[1].seed = 2;
  study.runs[1].has_begun = true;
  study.runs[1].failure = name;
  study.runs[1].stages = {{name, 0, ""}};
  study.tables = {MergeStageTables(
      name, {1, 2},
      {StageTable{{"pass@1"}, {name}, {{name, {0.25}}}}, std::nullopt})};
  return study;
}

TEST(StudyReportTest, TheJsonHasEveryValue) {
  const auto json = nlohmann::json::parse(StudyJson(TwoSeeds("d", "base")));
  EXPECT_EQ(json["whole"], false);
  EXPECT_EQ(json["seeds"], nlohmann::json({1, 2}));
  EXPECT_EQ(json["runs"][0]["wall_seconds"], 61);
  EXPECT_EQ(json["runs"][0]["stages"][0]["output_sha256"], "0123");
  EXPECT_EQ(json["runs"][1]["failure"], "base");
  const auto& row = json["tables"][0]["rows"][0];
  EXPECT_EQ(row["stage"], "base");
  EXPECT_EQ(row["mean"], nlohmann::json({0.25}));
  EXPECT_EQ(row["sd"], nlohmann::json({nullptr}));
  EXPECT_EQ(row["n"], nlohmann::json({1}));
  EXPECT_EQ(row["values"], nlohmann::json::parse("[[0.25, null]]"));
}

TEST(StudyReportTest, TheRecipesHashIsNotOfSeedAndThreads) {
  Recipe recipe, same, other;
  same.set_seed(3);
  same.set_threads(2);
  other.mutable_model()->set_hidden_size(16);
  EXPECT_EQ(RecipeSha256(recipe), RecipeSha256(same));
  EXPECT_NE(RecipeSha256(recipe), RecipeSha256(other));
}

TEST(StudyPageTest, SaysWhatIsMissingAndShowsEachSeedsValue) {
  TestFolder folder;
  ASSERT_TRUE(MakeDirectories(folder.path() + "/seed-1").ok());
  folder.Write("seed-1/report.html", "");
  const std::string page = StudyPage(TwoSeeds(folder.path(), "base"));
  EXPECT_THAT(page, AllOf(HasSubstr("1 of 2 seeds are done; seed 2: failed"),
                          HasSubstr("<td title=\"seed 1: 25.0\nseed 2: -\">"
                                    "25.0</td>"),
                          HasSubstr("<a href=\"seed-1/report.html\">"),
                          Not(HasSubstr("<a href=\"seed-2/report.html\">")),
                          HasSubstr("<td>1:01</td>")));
}

TEST(StudyPageTest, TheRecipeBesideTheHashIsWhatIsHashed) {
  Study study = TwoSeeds("d", "base");
  study.recipe.set_seed(3);
  study.recipe.set_threads(2);
  study.recipe.mutable_model()->set_hidden_size(16);
  const std::string page = StudyPage(study);
  const size_t begin = page.rfind("<pre>") + 5;
  const std::string shown = page.substr(begin, page.rfind("</pre>") - begin);
  EXPECT_THAT(shown, HasSubstr("hidden_size: 16"));
  EXPECT_THAT(page, HasSubstr("SHA-256 " + Sha256Hex(shown)));
}

TEST(StudyPageTest, HostileTextStaysTextAndNothingRuns) {
  const std::string page = StudyPage(
      TwoSeeds("\"><script>", "</td><script>alert(1)</script>{{RUNS}}\x1b"));
  EXPECT_THAT(page,
              AllOf(Not(HasSubstr("<script")), Not(HasSubstr("\x1b")),
                    HasSubstr("{{RUNS}}"), HasSubstr("&lt;script&gt;"),
                    HasSubstr("default-src 'none'; style-src 'sha256-"),
                    Not(HasSubstr("script-src")), Not(HasSubstr("http:"))));
}

}  // namespace
}  // namespace r1
