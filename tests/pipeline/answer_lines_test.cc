// The lines of `r1 eval --out`.
#include "pipeline/evaluation/answer_lines.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pipeline/store/run_rows.h"

namespace r1 {
namespace {

Prompt SomePrompt(uint64_t id) {
  Prompt prompt;
  prompt.set_id(id);
  prompt.set_source(absl::StrCat("problem-", id));
  return prompt;
}

// Appends an answer and what its rule "countdown" gave; not judged without a
// score.
void AddAnswer(uint64_t prompt_id, uint32_t index,
               const std::string& completion, std::optional<double> score,
               EvalReport* report) {
  EvalSample& sample = report->samples.emplace_back();
  sample.prompt_id = prompt_id;
  sample.sample_index = index;
  sample.question = "Make 8 from 3 5.";
  sample.reference = R"({"target":8})";
  sample.completion = completion;
  sample.finish_reason = FINISH_END_TOKEN;
  sample.num_tokens = 37;
  sample.has_format = index == 0;
  if (score) sample.is_correct = *score == 1;
  RewardResult& result = report->results.emplace_back();
  result.set_kind(score ? REWARD_SCORE : REWARD_ABSTAIN);
  if (!score) return;
  result.add_components()->set_name("countdown");
  result.mutable_components(0)->set_value(*score);
}

TEST(AnswerLinesTest, ALineAnAnswerInOrderAndInUtf8) {
  StageConfig config;
  config.add_task()->set_name("cd");
  config.add_task()->set_name("other");
  EvalReport report;
  AddAnswer(1, 0, "<answer>3+5</answer>", 1, &report);
  AddAnswer(1, 1, "\xff no", 0, &report);
  AddAnswer(2, 0, "?", std::nullopt, &report);
  AddAnswer(2, 1, "?", std::nullopt, &report);
  std::vector<nlohmann::json> lines;
  for (absl::string_view line : absl::StrSplit(
           AnswerLines(config, {{SomePrompt(1)}, {SomePrompt(2)}}, report),
           '\n', absl::SkipEmpty())) {
    lines.push_back(nlohmann::json::parse(line));
  }
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0]["task"], "cd");
  EXPECT_EQ(lines[0]["source"], "problem-1");
  EXPECT_EQ(lines[0]["question"], "Make 8 from 3 5.");
  EXPECT_EQ(lines[0]["reference"], R"({"target":8})");
  EXPECT_EQ(lines[0]["completion"], "<answer>3+5</answer>");
  EXPECT_EQ(lines[0]["tokens"], 37);
  EXPECT_EQ(lines[0]["finish"], FinishReasonName(FINISH_END_TOKEN));
  EXPECT_EQ(lines[0]["right"], true);
  EXPECT_EQ(lines[0]["format"], true);
  EXPECT_EQ(lines[0]["scores"]["countdown"], 1);
  EXPECT_EQ(lines[1]["completion"], "\xEF\xBF\xBD no");
  EXPECT_EQ(lines[1]["right"], false);
  EXPECT_EQ(lines[1]["format"], false);
  EXPECT_EQ(lines[2]["task"], "other");
  EXPECT_EQ(lines[2]["source"], "problem-2");
  EXPECT_TRUE(lines[2]["right"].is_null());
}

}  // namespace
}  // namespace r1
