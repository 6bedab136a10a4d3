#include "pipeline/evaluate.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/param_set.h"
#include "pipeline/run_reader.h"
#include "rollout/prompt_source.h"

namespace r1 {
namespace {

std::shared_ptr<const Tokenizer> ByteTokenizer() {
  return std::make_shared<const Tokenizer>(*TrainTokenizer({"abc"}, 257, true));
}

Prompt CountdownPrompt(uint64_t id, const std::string& reference) {
  Prompt prompt;
  prompt.set_id(id);
  prompt.set_source(absl::StrCat("problem-", id));
  prompt.set_question("Make 8 from 3 5.");
  prompt.set_reference(reference);
  prompt.add_token_ids(1);
  return prompt;
}

constexpr char kEight[] = R"({"nums":[3,5],"target":8})";

Trajectory Says(const Tokenizer& tokenizer, uint32_t index,
                const std::string& text, FinishReason finish) {
  Trajectory trajectory;
  trajectory.set_sample_index(index);
  for (const int32_t token : tokenizer.Encode(text)) {
    trajectory.add_tokens(token);
    trajectory.add_logprobs(-1);
  }
  trajectory.set_finish_reason(finish);
  return trajectory;
}

double Metric(const EvalReport& report, const std::string& name) {
  return MetricOr(report.metrics, name, -1);
}

TEST(JudgeSamplesTest, NumbersByHand) {
  const auto tokenizer = ByteTokenizer();
  const std::vector<Prompt> prompts = {CountdownPrompt(1, kEight),
                                       CountdownPrompt(2, kEight)};
  const std::string right = "<think>x</think> <answer>3+5</answer>";
  const std::string turned = "<think>x</think> <answer>5+3</answer>";
  const std::string wrong = "<think>x</think> <answer>3*5</answer>";
  const std::string sloppy = "no tags <answer>3 + 5</answer> and more";
  std::vector<Trajectory> trajectories;
  uint32_t index = 0;
  for (const std::string& text : {right, wrong, wrong, turned}) {
    trajectories.push_back(Says(*tokenizer, index++, text, FINISH_END_TOKEN));
  }
  index = 0;
  for (const std::string& text :
       {sloppy, std::string("?"), std::string("??"), right}) {
    trajectories.push_back(
        Says(*tokenizer, index++, text,
             text == "??" ? FINISH_LENGTH : FINISH_END_TOKEN));
  }
  EvalOptions options;
  options.samples = 4;
  const auto report = JudgeSamples(prompts, trajectories, *tokenizer, options);
  ASSERT_TRUE(report.ok()) << report.status();
  // Right answers, strict: 2 of 4, and 2 of 4 (the answer stands in its tags
  // in the sloppy sample as well).
  EXPECT_DOUBLE_EQ(Metric(*report, "pass@1"), 0.5);
  EXPECT_DOUBLE_EQ(Metric(*report, "pass@4"), 1);
  // The first problem's votes: 3+5, 3*5, 3*5, 5+3: wrong. The second's: 3+5
  // twice, blanks apart: right.
  EXPECT_DOUBLE_EQ(Metric(*report, "cons@4"), 0.5);
  EXPECT_DOUBLE_EQ(Metric(*report, "format"), 5.0 / 8);
  EXPECT_DOUBLE_EQ(Metric(*report, "truncated"), 1.0 / 8);
  const double tokens = right.size() * 2 + wrong.size() * 2 + turned.size() +
                        sloppy.size() + 1 + 2;
  EXPECT_DOUBLE_EQ(Metric(*report, "mean_length"), tokens / 8);
  EXPECT_EQ(Metric(*report, "problems"), 2);
  ASSERT_EQ(report->samples.size(), 8u);
  EXPECT_EQ(report->samples[0].completion, right);
  EXPECT_TRUE(report->samples[0].is_correct);
  EXPECT_TRUE(report->samples[0].has_format);
  EXPECT_FALSE(report->samples[1].is_correct);
  EXPECT_FALSE(report->samples[4].has_format);
}

TEST(JudgeSamplesTest, LenientTakesTheLastAnswerAnywhere) {
  const auto tokenizer = ByteTokenizer();
  const std::vector<Prompt> prompts = {CountdownPrompt(1, kEight)};
  // Two answers: the strict reading accepts none of them.
  const std::vector<Trajectory> trajectories = {
      Says(*tokenizer, 0, "<answer>1</answer> <answer>3+5</answer>",
           FINISH_END_TOKEN)};
  EvalOptions options;
  const auto report = JudgeSamples(prompts, trajectories, *tokenizer, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Metric(*report, "pass@1"), 0);
  EXPECT_EQ(Metric(*report, "pass@1_lenient"), 1);
  EXPECT_EQ(Metric(*report, "cons@1"), -1);  // one sample has no consensus
}

TEST(JudgeSamplesTest, AnUnusableReferenceCountsAsAbstained) {
  const auto tokenizer = ByteTokenizer();
  const std::vector<Prompt> prompts = {CountdownPrompt(1, "{}"),
                                       CountdownPrompt(2, kEight)};
  const std::string right = "<think></think><answer>3+5</answer>";
  const std::vector<Trajectory> trajectories = {
      Says(*tokenizer, 0, right, FINISH_END_TOKEN),
      Says(*tokenizer, 0, right, FINISH_END_TOKEN)};
  const auto report =
      JudgeSamples(prompts, trajectories, *tokenizer, EvalOptions());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Metric(*report, "pass@1"), 1);
  EXPECT_EQ(Metric(*report, "problems"), 1);
  EXPECT_EQ(Metric(*report, "abstained"), 1);
}

TEST(JudgeSamplesTest, RulesForEvaluationTakeThePlaceOfTheTasks) {
  const auto tokenizer = ByteTokenizer();
  const std::vector<Trajectory> trajectories = {
      Says(*tokenizer, 0, "<think></think><answer>3+5</answer>",
           FINISH_END_TOKEN),
      Says(*tokenizer, 1, "<think>a a a a</think>", FINISH_END_TOKEN)};
  EvalOptions options;
  options.samples = 2;
  const auto add = [&](const char* name, const char* when) {
    WeightedRule* rule = options.reward.add_rule();
    rule->set_name(name);
    (*rule->mutable_option())["when"] = when;
    return rule;
  };
  add("overlong", "train");
  add("tag_count", "eval");
  (*add("repetition", "both")->mutable_option())["n"] = "1";
  const auto report = JudgeSamples({CountdownPrompt(1, kEight)}, trajectories,
                                   *tokenizer, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Metric(*report, "pass@1"), 0.5);  // tag_count is 1, 0.5
  // 1-grams: one word, then "<think>a a a a</think>": 3 of 4 are distinct.
  EXPECT_EQ(Metric(*report, "reward/repetition"), (0 - 0.25) / 2);
  EXPECT_EQ(report->metrics.back().first, "reward/repetition");
  options.reward.mutable_rule(1)->set_name("tag_cuont");
  EXPECT_EQ(JudgeSamples({}, {}, *tokenizer, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(JudgeSamplesTest, AllAbstainedGivesZerosNotNan) {
  const auto tokenizer = ByteTokenizer();
  const auto report = JudgeSamples({CountdownPrompt(1, "{}")},
                                   {Says(*tokenizer, 0, "x", FINISH_END_TOKEN)},
                                   *tokenizer, EvalOptions());
  ASSERT_TRUE(report.ok()) << report.status();
  for (const auto& [name, value] : report->metrics) {
    EXPECT_EQ(value, name == "abstained" ? 1 : 0) << name;
  }
}

// A small model with random weights.
ModelConfig TinyModel() {
  ModelConfig config;
  config.vocab_size = 257;
  config.hidden_size = 16;
  config.intermediate_size = 32;
  config.num_layers = 1;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 8;
  config.max_positions = 512;
  config.tie_embeddings = true;
  config.eos_token_ids = {0};
  return config;
}

TEST(EvaluateTest, DependsOnNeitherBatchNorThreads) {
  const auto tokenizer = ByteTokenizer();
  const ModelConfig config = TinyModel();
  ParamSet params(std::make_shared<const ParamLayout>(config));
  InitializeParams(3, &params);
  const auto source =
      MakePromptSource(DataSection(), /*seed=*/1, tokenizer, 480);
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<Prompt> prompts;
  for (int i = 0; i < 5; ++i) prompts.push_back(*(*source)->HeldOut(i));

  std::vector<std::string> completions;
  const struct { int threads, max_batch; } kWays[] = {{1, 1}, {2, 3}, {1, 64}};
  for (const auto& [threads, max_batch] : kWays) {
    const auto ops = MakeCpuOps(threads);
    ModelWeights weights(config, params.Clone(), /*is_trained=*/false);
    weights.Pack(ops.get());
    EvalOptions options;
    options.samples = 3;
    options.sampling.set_temperature(1);
    options.sampling.set_top_p(0.95f);
    options.sampling.set_max_new_tokens(20);
    options.max_batch = max_batch;
    int64_t reported = 0;
    const auto report = Evaluate(weights, tokenizer, prompts, options,
                                 ops.get(), [&](int64_t done, int64_t total) {
                                   EXPECT_EQ(total, 15);
                                   reported = done;
                                   return true;
                                 });
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(reported, 15);
    ASSERT_EQ(report->samples.size(), 15u);
    std::string all;
    for (const EvalSample& sample : report->samples) {
      absl::StrAppend(&all, sample.prompt_id, "/", sample.sample_index, ":",
                      sample.completion, "\n");
    }
    completions.push_back(all);
  }
  EXPECT_EQ(completions[1], completions[0]);
  EXPECT_EQ(completions[2], completions[0]);
}

TEST(EvaluateTest, CanBeStopped) {
  const auto tokenizer = ByteTokenizer();
  const ModelConfig config = TinyModel();
  ParamSet params(std::make_shared<const ParamLayout>(config));
  InitializeParams(3, &params);
  const auto ops = MakeCpuOps(1);
  ModelWeights weights(config, std::move(params), /*is_trained=*/false);
  weights.Pack(ops.get());
  EvalOptions options;
  options.sampling.set_temperature(1);
  options.sampling.set_top_p(1);
  options.sampling.set_max_new_tokens(20);
  const auto report =
      Evaluate(weights, tokenizer, {CountdownPrompt(1, kEight)}, options,
               ops.get(), [](int64_t, int64_t) { return false; });
  EXPECT_TRUE(absl::IsCancelled(report.status())) << report.status();
}

}  // namespace
}  // namespace r1
