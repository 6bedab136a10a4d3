#include "pipeline/evaluation/score_file.h"

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/evaluation/rescore.h"
#include "pipeline/store/run_store.h"
#include "reward/builtin_rules.h"
#include "reward/core/json_lines.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RewardRuleSpec Rule(const std::string& name, double weight = 1) {
  RewardRuleSpec spec;
  spec.set_name(name);
  spec.set_weight(weight);
  return spec;
}

Scorer MakeScorer(const std::vector<RewardRuleSpec>& rules) {
  static const auto& registry = *new RewardRegistry(BuiltinRewardRules());
  auto scorer = Scorer::Create(registry, rules, {});
  EXPECT_TRUE(scorer.ok()) << scorer.status();
  return *std::move(scorer);
}

TEST(ScoreFileTest, OneLineForEachInOrder) {
  std::istringstream input(
      "\xEF\xBB\xBF"
      R"({"id": "a", "completion": "<answer>72</answer>", "reference": "72"})"
      "\r\n\n"
      R"({"id": 2, "completion": "<answer>7</answer>", "reference": 72})"
      "\nnonsense\n"
      R"({"id": "d", "completion": "<answer>7</answer>"})");
  std::vector<std::string> lines;
  ScoreFileOptions options;
  options.name = "in.jsonl";
  const auto summary =
      ScoreFile(MakeScorer({Rule("exact_answer")}), options, &input,
                [&](const std::string& line) { lines.push_back(line); });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(
      lines, ElementsAre(
                 R"({"id":"a","kind":"score","total":1.0,)"
                 R"("components":{"exact_answer":1.0},"detail":""})",
                 R"({"id":2,"kind":"score","total":0.0,)"
                 R"("components":{"exact_answer":0.0},)"
                 R"("detail":"exact_answer: answered \"7\", expected \"72\""})",
                 AllOf(HasSubstr(R"({"id":null,"kind":"error","total":null,)"),
                       HasSubstr("in.jsonl:4: expected a JSON object")),
                 HasSubstr(R"({"id":"d","kind":"abstain","total":null,)")));
  EXPECT_EQ(summary->lines, 4);
  EXPECT_EQ(summary->malformed, 1);
  EXPECT_THAT(summary->first_problem, HasSubstr("in.jsonl:4: "));
  EXPECT_EQ(summary->counts.at(REWARD_SCORE), 2);
  EXPECT_EQ(summary->counts.at(REWARD_ABSTAIN), 1);
  EXPECT_EQ(summary->total_sum, 1);
}

// More lines than one batch holds, on several threads; groups are not torn.
TEST(ScoreFileTest, ManyLinesKeepTheirOrderAndTheirGroups) {
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    // Groups of 3 from the 500th on: lengths 10, 20, 30.
    const std::string group =
        i < 500 ? "" : absl::StrCat(",\"group\":\"", (i - 500) / 3, "\"");
    absl::StrAppend(&text, "{\"id\":", i,
                    ",\"completion\":\"<answer>1</answer>\",\"reference\":1,"
                    "\"completion_tokens\":",
                    10 * ((i + 1) % 3 + 1), group, "}\n");
  }
  std::istringstream input(text);
  RewardRuleSpec length = Rule("group_length");
  (*length.mutable_option())["answer"] = "exact_answer";
  ScoreFileOptions options;
  options.threads = 4;
  int next = 0;
  const auto summary = ScoreFile(
      MakeScorer({Rule("exact_answer", 0), length}), options, &input,
      [&](const std::string& line) {
        const double expected = next < 500 ? 0 : 0.5 - (next + 1) % 3 * 0.5;
        EXPECT_THAT(line, HasSubstr(absl::StrCat("{\"id\":", next, ",")));
        EXPECT_THAT(line, HasSubstr(absl::StrCat("\"group_length\":", expected,
                                                 expected == 0 ? ".0}" : "}")))
            << next;
        ++next;
      });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(next, 5000);
}

class RescoreTest : public ::testing::Test {
 protected:
  void Record(uint32_t index, const std::string& completion, double format,
              double total) {
    Prompt prompt;
    prompt.set_id(4);
    prompt.set_reference(R"({"answer": "72"})");
    Trajectory trajectory;
    trajectory.set_prompt_id(4);
    trajectory.set_sample_index(index);
    trajectory.add_tokens(1);
    trajectory.add_logprobs(-1);
    RewardResult reward;
    reward.set_kind(REWARD_SCORE);
    reward.set_total(total);
    RewardComponent* component = reward.add_components();
    component->set_name("format");
    component->set_value(format);
    ASSERT_TRUE(
        store_->RecordTrajectory(1, prompt, trajectory, completion).ok());
    ASSERT_TRUE(store_->RecordReward(1, 4, index, reward).ok());
  }

  // "sample before>now", of every flip.
  std::string Flips(const RescoreOptions& options,
                    const std::vector<RewardRuleSpec>& rules) {
    EXPECT_TRUE(store_->Flush().ok());
    auto reader = RunReader::Open(folder_.path());
    std::string text;
    const auto summary =
        Rescore(*reader, MakeScorer(rules), options, [&](const Rejudged& r) {
          const auto verdict = [](RewardKind kind, double value) {
            return kind == REWARD_SCORE ? absl::StrCat(value)
                                        : std::string(RewardKindName(kind));
          };
          absl::StrAppend(&text, r.sample->record.trajectory.sample_index(),
                          " ", verdict(r.kind_before, r.before), ">",
                          verdict(r.kind_now, r.now), " ");
        });
    EXPECT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->samples, 3);
    return absl::StrCat(text, "up ", summary->up, " down ", summary->down);
  }

  TestFolder folder_;
  std::unique_ptr<RunStore> store_ =
      *RunStore::Open(absl::StrCat(folder_.path(), "/run.db"));
};

TEST_F(RescoreTest, NamesWhatDiffers) {
  Record(0, "<think>a</think><answer>72</answer>", 1, 1);
  Record(1, "<answer>72</answer>", 1, 0);  // the recorded format is wrong
  Record(2, "<think>a</think><answer>7</answer>", 1, 1);
  RescoreOptions options;
  options.rule = options.against = "format";
  EXPECT_EQ(Flips(options, {Rule("format")}), "1 1>0 up 0 down 1");
  options.rule = "exact_answer";
  EXPECT_EQ(Flips(options, {Rule("format", 0), Rule("exact_answer")}),
            "2 1>0 up 0 down 1");
  // Totals with totals.
  EXPECT_EQ(Flips({}, {Rule("exact_answer")}), "1 0>1 2 1>0 up 1 down 1");
  EXPECT_EQ(Flips({}, {Rule("countdown")}),
            "0 1>abstain 1 0>abstain 2 1>abstain up 0 down 0");
}

TEST_F(RescoreTest, ARunWithoutScoresSaysSo) {
  ASSERT_TRUE(store_->Flush().ok());
  auto reader = RunReader::Open(folder_.path());
  const auto summary = Rescore(*reader, MakeScorer({Rule("format")}), {},
                               [](const Rejudged&) {});
  EXPECT_TRUE(absl::IsNotFound(summary.status())) << summary.status();
}

}  // namespace
}  // namespace r1
