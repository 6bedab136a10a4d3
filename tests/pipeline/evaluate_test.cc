#include "pipeline/evaluation/evaluate.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/param_set.h"
#include "pipeline/evaluation/judge_samples.h"
#include "pipeline/services/reward_link.h"
#include "pipeline/services/rollout_fleet.h"
#include "pipeline/store/run_reader.h"
#include "reward/length/group_length_rule.h"
#include "reward/service/server.h"
#include "rollout/prompt_source.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
  const std::vector<int32_t> tokens = *tokenizer.Encode(text);
  for (const int32_t token : tokens) {
    trajectory.add_tokens(token);
    trajectory.add_logprobs(-1);
  }
  trajectory.set_finish_reason(finish);
  return trajectory;
}

// Scores in this process, by all rules of the program; one for all tests, gone
// before gRPC is.
class EmbeddedRewards : public ::testing::Environment {
 public:
  void SetUp() override {
    auto link = RewardLink::Connect(StageConfig(), /*num_threads=*/2);
    ASSERT_TRUE(link.ok()) << link.status();
    link_ = *std::move(link);
  }
  void TearDown() override { link_.reset(); }
  const RewardLink& link() const { return *link_; }

 private:
  std::unique_ptr<RewardLink> link_;
};

EmbeddedRewards& embedded_rewards =
    *static_cast<EmbeddedRewards*>(::testing::AddGlobalTestEnvironment(
        new EmbeddedRewards));  // GoogleTest owns it

const RewardLink& Embedded() { return embedded_rewards.link(); }

absl::StatusOr<EvalReport> Judge(const std::vector<Prompt>& prompts,
                                 const std::vector<Trajectory>& trajectories,
                                 const Tokenizer& tokenizer,
                                 const EvalOptions& options,
                                 const RewardLink& link = Embedded()) {
  return JudgeSamples(prompts, trajectories, tokenizer, options, link, nullptr);
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
  const auto report = Judge(prompts, trajectories, *tokenizer, options);
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
  EXPECT_EQ(report->samples[0].is_correct, true);
  EXPECT_TRUE(report->samples[0].has_format);
  EXPECT_EQ(report->samples[1].is_correct, false);
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
  const auto report = Judge(prompts, trajectories, *tokenizer, options);
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
  const auto report = Judge(prompts, trajectories, *tokenizer, EvalOptions());
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
  const auto report =
      Judge({CountdownPrompt(1, kEight)}, trajectories, *tokenizer, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Metric(*report, "pass@1"), 0.5);  // tag_count is 1, 0.5
  // 1-grams: one word, then "<think>a a a a</think>": 3 of 4 are distinct.
  EXPECT_EQ(Metric(*report, "reward/rule/repetition"), (0 - 0.25) / 2);
  EXPECT_EQ(report->metrics.back().first, "reward/rule/repetition");
  options.reward.mutable_rule(1)->set_name("tag_cuont");
  EXPECT_EQ(Judge({}, {}, *tokenizer, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(JudgeSamplesTest, AllAbstainedGivesZerosNotNan) {
  const auto tokenizer = ByteTokenizer();
  const auto report = Judge({CountdownPrompt(1, "{}")},
                            {Says(*tokenizer, 0, "x", FINISH_END_TOKEN)},
                            *tokenizer, EvalOptions());
  ASSERT_TRUE(report.ok()) << report.status();
  for (const auto& [name, value] : report->metrics) {
    const bool is_one = name == "abstained" || name == "mean_length";
    EXPECT_EQ(value, is_one ? 1 : 0) << name;
  }
}

// Says what is right, as a plugin would: many at once.
class MineRule : public RewardRule {
 public:
  RuleGrain grain() const override { return RuleGrain::kBatch; }
  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& /*context*/) const override {
    std::vector<RuleResult> results;
    for (const RewardItem* item : items) results.push_back(Judged(*item));
    return results;
  }

 private:
  static RuleResult Judged(const RewardItem& item) {
    if (item.completion() == "error") return RuleResult::Error("broken");
    if (item.completion() == "late") return RuleResult::Timeout("slow");
    return RuleResult::Score(item.completion() == "right" ? 1 : 0);
  }
};

// Gives the number that the completion is.
class NumberRule : public ItemRule {
 public:
  explicit NumberRule(double highest) : highest_(highest) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& /*context*/) const override {
    return RuleResult::Score(std::stod(item.completion()));
  }
  ScoreRange range() const override { return {0, highest_}; }

 private:
  const double highest_;
};

RuleFactory MakesNumbers(double highest) {
  return [highest](const RuleOptions&)
             -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    return std::make_unique<const NumberRule>(highest);
  };
}

// A server of somebody else: "mine" says what is right, "group_length"
// compares samples; it knows no "format".
class OwnServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RewardRegistry registry;
    ASSERT_TRUE(registry.Register("mine", MakesRule<MineRule>()).ok());
    ASSERT_TRUE(registry.Register("graded", MakesNumbers(2)).ok());
    ASSERT_TRUE(
        registry
            .Register("free", MakesNumbers(std::numeric_limits<double>::max()))
            .ok());
    ASSERT_TRUE(registry
                    .Register("group_length",
                              MakesRule<GroupLengthRule, GroupLengthOptions>())
                    .ok());
    auto server = RewardServer::Start("127.0.0.1:0", std::move(registry), {});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    StageConfig config;
    config.mutable_reward()->add_server(server_->address());
    config.mutable_rollout()->set_max_new_tokens(99);
    auto link = RewardLink::Connect(config, /*num_threads=*/1);
    ASSERT_TRUE(link.ok()) << link.status();
    link_ = *std::move(link);
    options_.samples = 2;
    WeightedRule* rule = options_.reward.add_rule();
    rule->set_name("mine");
    (*rule->mutable_option())["when"] = "eval";
  }

  // Two samples a problem.
  absl::StatusOr<EvalReport> JudgeTexts(const std::vector<std::string>& texts) {
    std::vector<Prompt> prompts;
    std::vector<Trajectory> trajectories;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i % 2 == 0) prompts.push_back(CountdownPrompt(i / 2, kEight));
      trajectories.push_back(
          Says(*tokenizer_, i % 2, texts[i], FINISH_END_TOKEN));
    }
    return Judge(prompts, trajectories, *tokenizer_, options_, *link_);
  }

  const std::shared_ptr<const Tokenizer> tokenizer_ = ByteTokenizer();
  std::unique_ptr<RewardServer> server_;
  std::unique_ptr<RewardLink> link_;
  EvalOptions options_;
};

TEST_F(OwnServerTest, JudgesByItsOwnRules) {
  const auto report = JudgeTexts({"right", "right", "wrong", "right"});
  ASSERT_TRUE(report.ok()) << report.status();
  std::vector<std::string> names;
  for (const auto& [name, value] : report->metrics) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("pass@1", "pass@2", "mean_length", "truncated",
                                 "problems", "abstained", "errors"));
  EXPECT_EQ(Metric(*report, "pass@1"), 0.75);
  options_.reward.clear_rule();
  EXPECT_THAT(
      std::string(JudgeTexts({"x", "y"}).status().message()),
      HasSubstr(
          "has no rule \"countdown\", only free, graded, group_length, mine"));
}

TEST_F(OwnServerTest, ComparesTheSamplesOfAProblem) {
  WeightedRule* rule = options_.reward.add_rule();
  rule->set_name("group_length");
  (*rule->mutable_option())["when"] = "both";
  (*rule->mutable_option())["answer"] = "mine";
  // Right and shortest: 0.5; wrong and longest: -0.5. Each problem by itself.
  const auto report =
      JudgeTexts({"right", "wrong and long", "right", "far wrong and long"});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Metric(*report, "reward/rule/group_length"), 0);
  const auto equal = JudgeTexts({"right", "wrong", "right", "wrong"});
  ASSERT_TRUE(equal.ok()) << equal.status();
  EXPECT_EQ(Metric(*equal, "reward/rule/group_length"), 0);
  const auto wrong = JudgeTexts({"wrong", "wrong and long", "right", "right"});
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  EXPECT_EQ(Metric(*wrong, "reward/rule/group_length"), -0.5 / 4);
}

TEST_F(OwnServerTest, AFailedSampleCostsItselfNotItsProblem) {
  options_.reward.set_max_error_share(0.25);
  const std::vector<std::string> texts = {"right", "error", "wrong", "right",
                                          "late",  "right", "wrong", "wrong"};
  const auto report = JudgeTexts(texts);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Metric(*report, "errors"), 2);
  EXPECT_EQ(Metric(*report, "problems"), 4);
  EXPECT_EQ(Metric(*report, "abstained"), 0);
  // 1 of 1, 1 of 2, 1 of 1, 0 of 2.
  EXPECT_EQ(Metric(*report, "pass@1"), 2.5 / 4);
  EXPECT_EQ(Metric(*report, "pass@2"), 3.0 / 4);
  EXPECT_EQ(Metric(*report, "mean_length"), 39.0 / 8);
  EXPECT_EQ(report->samples.size(), 8u);
  options_.reward.set_max_error_share(0.24);
  const absl::Status status = JudgeTexts(texts).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "evaluation: 2 of 8 reward results are errors or timeouts, above "
            "reward.max_error_share = 0.24; e.g. sample problem-0/1: "
            "REWARD_ERROR mine: broken");
}

// Rules of one's own judge evaluations as they pay in training, right where
// they give all they can.
TEST_F(OwnServerTest, ScoresThatAreNotZeroOrOne) {
  // "graded" gives 0 to 2, "free" anything: right from 1 on.
  const struct {
    const char* rule;
    double pass_1, pass_1_high;
  } kCases[] = {{"graded", 0.25, 0.5}, {"free", 0.5, 0.75}};
  for (const auto& [rule, pass_1, pass_1_high] : kCases) {
    options_.reward.clear_rule();
    options_.reward.add_rule()->set_name(rule);
    const auto report = JudgeTexts({"1", "2", "0", "0.99"});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->judge, rule);
    EXPECT_EQ(Metric(*report, "pass@1"), pass_1) << rule;
    const auto high = JudgeTexts({"1.9999999", "2", "0", "1.5"});
    ASSERT_TRUE(high.ok()) << high.status();
    EXPECT_EQ(Metric(*high, "pass@1"), pass_1_high) << rule;
  }
}

TEST_F(OwnServerTest, RefusesToBeginWithoutAJudge) {
  options_.reward.clear_rule();
  WeightedRule* rule = options_.reward.add_rule();
  rule->set_name("group_length");
  (*rule->mutable_option())["answer"] = "mine";
  const absl::Status status =
      MakeJudge(options_.reward, options_.task, *link_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no rule says whether an answer is right"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"when\""));
}

// Results come in any order; the numbers are those of the samples' order.
TEST(JudgeSamplesTest, ManySamplesGiveTheSameNumbersEveryTime) {
  const auto tokenizer = ByteTokenizer();
  EvalOptions options;
  options.samples = 3;
  for (const char* name : {"countdown", "repetition"}) {
    WeightedRule* rule = options.reward.add_rule();
    rule->set_name(name);
    (*rule->mutable_option())["when"] = "both";
  }
  std::vector<Prompt> prompts;
  std::vector<Trajectory> trajectories;
  double right = 0;
  for (int p = 0; p < 100; ++p) {
    prompts.push_back(CountdownPrompt(p, kEight));
    for (int i = 0; i < 3; ++i) {
      const bool is_right = p % (i + 2) == 0;
      right += is_right;
      std::string text = "<think>";
      for (int w = 0; w < p % 7 + i; ++w) text += "so it is ";
      absl::StrAppend(&text, "</think><answer>", is_right ? "3+5" : "3*5",
                      "</answer>");
      trajectories.push_back(Says(*tokenizer, i, text, FINISH_END_TOKEN));
    }
  }
  const auto first = Judge(prompts, trajectories, *tokenizer, options);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Metric(*first, "pass@1"), right / 300);
  EXPECT_LT(Metric(*first, "reward/rule/repetition"), -0.1);
  for (int round = 0; round < 5; ++round) {
    const auto again = Judge(prompts, trajectories, *tokenizer, options);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->metrics, first->metrics);
  }
}

TEST(JudgeSamplesTest, MathVotesByTheVerifier) {
  const auto tokenizer = ByteTokenizer();
  Prompt prompt = CountdownPrompt(1, R"({"answer": "\\frac{1}{2}"})");
  std::vector<Trajectory> trajectories;
  for (const char* text : {"\\boxed{2}", "\\boxed{\\frac12}", "\\boxed{2}",
                           "\\boxed{0.5}", "\\boxed{1/2}"}) {
    trajectories.push_back(
        Says(*tokenizer, trajectories.size(), text, FINISH_END_TOKEN));
  }
  EvalOptions options;
  options.task = QUESTION_ANSWER;
  options.samples = 5;
  WeightedRule* rule = options.reward.add_rule();
  rule->set_name("math");
  (*rule->mutable_option())["when"] = "eval";
  const auto report = Judge({prompt}, trajectories, *tokenizer, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(Metric(*report, "pass@1"), 0.6);
  EXPECT_EQ(Metric(*report, "cons@5"), 1);
  EXPECT_EQ(Metric(*report, "cons@5_lenient"), 1);
}

// A run that is rewarded for right answers shows them as right.
TEST(JudgeSamplesTest, ByDefaultTheRuleThatTrainingPaysForJudges) {
  const auto tokenizer = ByteTokenizer();
  const struct {
    const char* mode;
    const char* gold;
    const char* right;
    const char* wrong;
  } kCases[] = {
      {"boxed", "7", "So $\\boxed{7}$.", "<answer>7</answer>"},
      {"line", "7", "The answer is 7", "\\boxed{7}"},
      {"hash", "7", "3 + 4 = 7\n#### 7", "The answer is 7"},
      {"whole", "7", "7", "8"},
      {"choice", "B", "The answer is (b).", "C"},
      {"tag", "\\\\frac{1}{2}", "<answer>0.5</answer>", "\\boxed{0.5}"},
      {"boxed", "x^2-1", "\\boxed{(x-1)(x+1)}", "\\boxed{x^2}"},
      {"hash", "1000", "#### 1,000", "1000"},
  };
  for (const auto& [mode, gold, right, wrong] : kCases) {
    EvalOptions options;
    options.task = QUESTION_ANSWER;
    options.samples = 2;
    options.reward.add_rule()->set_name("format");
    WeightedRule* rule = options.reward.add_rule();
    rule->set_name("math");
    (*rule->mutable_option())["mode"] = mode;
    const Prompt prompt =
        CountdownPrompt(1, absl::StrCat("{\"answer\": \"", gold, "\"}"));
    const auto both = Judge({prompt},
                            {Says(*tokenizer, 0, right, FINISH_END_TOKEN),
                             Says(*tokenizer, 1, wrong, FINISH_END_TOKEN)},
                            *tokenizer, options);
    ASSERT_TRUE(both.ok()) << both.status();
    EXPECT_EQ(both->judge, "math");
    EXPECT_EQ(Metric(*both, "pass@1"), 0.5) << mode << " " << right;
    EXPECT_EQ(both->samples[0].is_correct, true) << mode << " " << right;
    const auto all = Judge({prompt},
                           {Says(*tokenizer, 0, right, FINISH_END_TOKEN),
                            Says(*tokenizer, 1, right, FINISH_END_TOKEN)},
                           *tokenizer, options);
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_EQ(Metric(*all, "pass@1"), 1) << mode << " " << right;
    EXPECT_EQ(Metric(*all, "cons@2"), 1) << mode << " " << right;
  }
}

// What the prompt has begun belongs to the answer.
TEST(JudgeSamplesTest, RulesSeeTheAnswersPrefix) {
  const auto tokenizer = ByteTokenizer();
  Prompt prompt = CountdownPrompt(1, kEight);
  const std::vector<Trajectory> trajectories = {
      Says(*tokenizer, 0, "x</think> <answer>3+5</answer>", FINISH_END_TOKEN)};
  const auto without = Judge({prompt}, trajectories, *tokenizer, EvalOptions());
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(Metric(*without, "format"), 0);
  prompt.set_answer_prefix("<think>\n");
  const auto with = Judge({prompt}, trajectories, *tokenizer, EvalOptions());
  ASSERT_TRUE(with.ok()) << with.status();
  EXPECT_EQ(Metric(*with, "format"), 1);
  EXPECT_EQ(Metric(*with, "pass@1"), 1);
  EXPECT_EQ(with->samples[0].completion,
            "<think>\nx</think> <answer>3+5</answer>");
  EXPECT_EQ(with->samples[0].num_tokens, trajectories[0].tokens_size());
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
  const auto ops = MakeCpuOps(1);
  ParamSet params(std::make_shared<const ParamLayout>(config));
  InitializeParams(3, &params);
  const auto weights = MakePolicyWeights(config, params, ops.get());
  WeightsId id;
  id.set_version(5);
  id.set_sha256(HashParams(params));
  const auto source =
      MakePromptSource(TaskSection(), /*seed=*/1, tokenizer, 480);
  ASSERT_TRUE(source.ok()) << source.status();
  const std::vector<Prompt> prompts = *(*source)->HeldOut(5);

  EvalOptions options;
  options.samples = 3;
  options.sampling.set_temperature(1);
  options.sampling.set_top_p(0.95f);
  options.sampling.set_max_new_tokens(20);
  std::vector<std::string> completions;
  const struct { int threads, max_batch; } kWays[] = {{1, 1}, {2, 3}, {1, 64}};
  for (const auto& [threads, max_batch] : kWays) {
    StageConfig run;
    run.mutable_rollout()->set_max_batch(max_batch);
    run.mutable_rollout()->set_lease_seconds(30);
    const auto fleet = RolloutFleet::Start(run, config, *tokenizer, Topology(),
                                           threads, nullptr);
    ASSERT_TRUE(fleet.ok()) << fleet.status();
    int64_t reported = 0;
    const auto report =
        Evaluate(id, weights, prompts, *tokenizer, options, (*fleet)->source(),
                 Embedded(), [&](int64_t done, int64_t total) {
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

}  // namespace
}  // namespace r1
