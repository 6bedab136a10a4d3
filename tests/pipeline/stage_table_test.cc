// The table of a comparison, from what run.db holds of it.
#include "pipeline/report/stage_table.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/store/run_store.h"
#include "rollout/prompt_source.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EvalSample Sample(uint64_t id, const std::string& completion, bool is_right) {
  EvalSample sample;
  sample.prompt_id = kFirstHeldOutId + id;
  sample.question = "Make 9.";
  sample.completion = completion;
  sample.num_tokens = 4;
  sample.is_correct = is_right;
  return sample;
}

class StageTableTest : public ::testing::Test {
 protected:
  StageTableTest() {
    compare_.set_name("table");
    compare_.add_task()->set_name("cd");
    compare_.add_task()->set_name("sums");
    compare_.mutable_compare()->add_stage("base");
    compare_.mutable_compare()->add_stage("zero");
    folder_.Write("config.textproto", "");
    auto store = RunStore::Open(folder_.path() + "/run.db");
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    EXPECT_TRUE(store_->EnterStage("table").ok());
  }
  StageTable Read() {
    EXPECT_TRUE(store_->Flush().ok());
    const auto table = ReadStageTable(folder_.path(), compare_);
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() ? *table : StageTable();
  }

  TestFolder folder_;
  StageConfig compare_;
  std::unique_ptr<RunStore> store_;
};

TEST_F(StageTableTest, HasAColumnPerTaskAndTheMetricsOfTheFirst) {
  ASSERT_TRUE(store_
                  ->RecordEval(1,
                               {{"pass@1", 0.5},
                                {"cd/pass@1", 0.25},
                                {"cd/format", 1},
                                {"cd/mean_length", 40.5},
                                {"cd/reward/rule/true_steps", 0.5},
                                {"cd/reward/metric/language/one_language", 1},
                                {"cd/reward/metric/true_steps/statements", 3},
                                {"sums/pass@1", 0.75},
                                {"sums/format", 0.125}},
                               {Sample(1, "no", false)})
                  .ok());
  ASSERT_TRUE(store_
                  ->RecordEval(2, {{"cd/pass@1", 1}, {"sums/pass@1", 0}},
                               {Sample(1, "a\x1b[2Jyes", true)})
                  .ok());
  const StageTable table = Read();
  EXPECT_THAT(table.labels, ElementsAre("cd", "sums", "format", "true steps",
                                        "one language", "mean length"));
  EXPECT_EQ(table.columns[4], "cd/reward/metric/language/one_language");
  ASSERT_EQ(table.rows.size(), 2);
  EXPECT_EQ(table.rows[0].stage, "base");
  EXPECT_THAT(table.rows[0].values, ElementsAre(0.25, 0.75, 1, 0.5, 1, 40.5));
  EXPECT_EQ(table.rows[1].values[0], 1);
  EXPECT_TRUE(std::isnan(table.rows[1].values[2]));
  EXPECT_EQ(RenderStageTable(table, " "),
            " stage     cd  sums  format   true       one    mean\n"
            "            %     %       %  steps  language  length\n"
            " base    25.0  75.0   100.0  0.500     1.000    40.5\n"
            " zero   100.0   0.0       -      -         -       -\n");
  const auto answers = RenderStageAnswers(folder_.path(), compare_, " ");
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ(*answers,
            "\n Make 9.\n"
            " base, wrong, 4 tokens:\n   no\n"
            " zero, right, 4 tokens:\n   a\\u{001b}[2Jyes\n");
}

TEST_F(StageTableTest, WithOneTaskItsMetricsHaveNoPrefix) {
  compare_.mutable_task()->RemoveLast();
  ASSERT_TRUE(
      store_->RecordEval(1, {{"pass@1", 0.5}, {"mean_length", 7}}, {}).ok());
  const StageTable table = Read();
  EXPECT_THAT(table.labels, ElementsAre("cd", "mean length"));
  EXPECT_THAT(table.rows[0].values, ElementsAre(0.5, 7));
}

TEST_F(StageTableTest, IsEmptyBeforeTheComparison) {
  EXPECT_TRUE(Read().rows.empty());
  EXPECT_EQ(RenderStageTable(Read(), " "), "");
}

}  // namespace
}  // namespace r1
