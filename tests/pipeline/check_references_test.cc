#include "pipeline/run/check_references.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/reward/service/grpc_testing.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

RewardRuleSpec Rule(const std::string& name, double weight = 1) {
  RewardRuleSpec spec;
  spec.set_name(name);
  spec.set_weight(weight);
  return spec;
}

// `bad` rows of `all` have a worked solution in place of the answer.
std::vector<CheckedRow> Rows(int bad, int all) {
  std::vector<CheckedRow> rows;
  for (int i = 0; i < all; ++i) {
    rows.push_back(
        {absl::StrCat("line ", i + 1), "q",
         i < bad ? R"({"answer":"so\n#### 7"})" : R"({"answer":"7"})"});
  }
  return rows;
}

TEST(CheckReferencesTest, MoreThanHalfIsRefusedWithRowReasonAndRemedy) {
  const std::vector<RewardRuleSpec> rules = {Rule("format"),
                                             Rule("exact_answer")};
  EXPECT_TRUE(CheckReferences(rules, Rows(0, 10), "f").ok());
  EXPECT_TRUE(CheckReferences(rules, Rows(5, 10), "f").ok()) << "a warning";
  const absl::Status status = CheckReferences(rules, Rows(6, 10), "f.jsonl");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("f.jsonl: no answer earns the rule "
                              "\"exact_answer\" in 6 of 10 rows looked at, "
                              "e.g. line 1: the gold \"so\\n#### 7\""),
                    HasSubstr("task.answer_form: AFTER_HASHES")));
  EXPECT_TRUE(CheckReferences(rules, {}, "f").ok());
}

TEST(CheckReferencesTest, MetricsAndOtherProgramsAreNotAsked) {
  EXPECT_TRUE(
      CheckReferences({Rule("math", 0), Rule("mine")}, Rows(9, 9), "f").ok());
  RewardRuleSpec gate = Rule("math", 0);
  (*gate.mutable_option())["gate"] = "0.5";
  EXPECT_FALSE(CheckReferences({gate}, Rows(9, 9), "f").ok());
}

TEST(CheckReferencesTest, ARuleIsAskedAboutItsOwnRows) {
  RewardRuleSpec math = Rule("exact_answer");
  (*math.mutable_option())["for"] = R"({"source": "a"})";
  // Rows that it is not for: no answer of theirs earns it.
  std::vector<CheckedRow> rows = Rows(9, 9);
  rows.push_back({"line 10", "q", R"({"answer":"7","source":"a"})"});
  EXPECT_TRUE(CheckReferences({math, Rule("format")}, rows, "f").ok());
  LogCapture log;
  EXPECT_TRUE(CheckReferences({math}, rows, "f").ok());
  EXPECT_EQ(log.CountLines("f: no rule with weight is for 9 of 10 rows "
                           "looked at, e.g. line 1;"),
            1);
  const absl::Status status = CheckReferences({math}, Rows(0, 5), "f");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no rule with weight is for 5 of 5 rows"));
  EXPECT_TRUE(CheckReferences({math, Rule("format")}, Rows(0, 5), "f").ok());
  EXPECT_EQ(log.CountLines("the rule \"exact_answer\" is for none of 5 rows"),
            2);
}

TEST(CheckReferencesTest, ASampleIsSpreadOverTheFile) {
  const std::vector<CheckedRow> some = SampleRows(Rows(0, 5120));
  ASSERT_EQ(some.size(), 512u);
  EXPECT_EQ(some[0].source, "line 1");
  EXPECT_EQ(some[511].source, "line 5111");
  EXPECT_EQ(SampleRows(Rows(0, 512)).size(), 512u);
}

// Fails on the rows whose reference has no "level".
class LevelReward : public RewardSource {
 public:
  void SetStep(int64_t /*step*/, int /*max_new_tokens*/) override {}
  void Submit(RewardItem item) override { items.push_back(item); }
  bool compares_samples() const override { return false; }
  void SubmitTogether(std::vector<RewardItem> /*items*/) override {}
  absl::StatusOr<RewardResult> Next(absl::Time /*deadline*/) override {
    const RewardItem item = items[num_answered++];
    RewardResult result;
    result.set_id(item.id());
    const bool has_level = item.reference().find("level") != std::string::npos;
    result.set_kind(has_level ? REWARD_SCORE : REWARD_ERROR);
    if (!has_level) result.set_detail("mine: requires the column level");
    return result;
  }

  std::vector<RewardItem> items;
  size_t num_answered = 0;
};

TEST(ProbeRewardsTest, ErrorsOnAllRowsAreRefused) {
  LevelReward reward;
  const absl::Status status =
      ProbeRewards({Rule("mine")}, Rows(0, 100), "f.jsonl", &reward);
  EXPECT_EQ(reward.items.size(), 16u);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("f.jsonl: the rewards fail on 16 of 16 rows tried with "
                        "their own answers, e.g. line 1: mine: requires the "
                        "column level"));
  // One that works is enough.
  std::vector<CheckedRow> rows = Rows(0, 3);
  rows[2].reference = R"({"level":1})";
  LevelReward other;
  EXPECT_TRUE(ProbeRewards({Rule("mine")}, rows, "f", &other).ok());
}

TEST(ProbeRewardsTest, BuiltInRulesAreNotProbed) {
  LevelReward reward;
  EXPECT_TRUE(ProbeRewards({Rule("math")}, Rows(0, 9), "f", &reward).ok());
  EXPECT_TRUE(reward.items.empty());
}

}  // namespace
}  // namespace r1
