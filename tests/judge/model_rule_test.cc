#include "judge/model_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "judge/reward_model.h"
#include "reward/core/scorer.h"
#include "tests/judge/judge_testing.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

using testing::HasSubstr;

RewardItem Item(const std::string& prompt, const std::string& completion) {
  RewardItem item;
  item.set_prompt(prompt);
  item.set_completion(completion);
  return item;
}

class ModelRuleTest : public testing::Test {
 protected:
  ModelRuleTest() : params_(RandomParams(TinyJudge())) {
    EXPECT_TRUE(
        WriteModelFolder(folder_.path(), TinyJudge(), params_, *ByteTokenizer())
            .ok());
    // Lengths from 1 token to more than three microbatches together.
    for (int i = 0; i < 160; ++i) {
      items_.push_back(Item(i % 3 == 0 ? "" : "What is it?",
                            std::string(1 + i % 100, 'a' + i % 26)));
    }
  }
  absl::StatusOr<std::unique_ptr<const RewardRule>> Make(RuleOptions options,
                                                         int threads = 2) {
    options.emplace("path", folder_.path());
    return MakesModelRule(threads)(options);
  }
  static std::vector<RuleResult> Judge(const RewardRule& rule,
                                       const std::vector<RewardItem>& items,
                                       RuleContext context = {}) {
    std::vector<const RewardItem*> pointers;
    for (const RewardItem& item : items) pointers.push_back(&item);
    return rule.Judge(pointers, context);
  }
  // What the model itself says of the text.
  float ScoreOf(const std::string& prompt, const std::string& text) {
    const auto ops = MakeCpuOps(1);
    PolicyWeights weights(TinyJudge(), CpuDevice());
    weights.Assign(params_, ops.get());
    return SequenceScorer(TinyJudge(), ops.get())
        .Score(weights,
               {*EncodeJudged(*ByteTokenizer(), TinyJudge(), prompt, text)})[0];
  }

  TemporaryFolder folder_;
  ParamSet params_;
  std::vector<RewardItem> items_;
};

TEST_F(ModelRuleTest, ScoresThePartOfTheCompletion) {
  const RewardItem item = Item("Why?", "<think>b</think><answer>so</answer>");
  const auto answer = Make({{"scale", "2"}});
  ASSERT_TRUE(answer.ok()) << answer.status();
  RuleResult result = Judge(**answer, {item})[0];
  EXPECT_EQ(result.kind, REWARD_SCORE);
  EXPECT_EQ(result.value, 2.0 * ScoreOf("Why?", "so"));
  EXPECT_EQ(result.version, HashParams(params_));
  EXPECT_EQ((*answer)->version({}), HashParams(params_));
  const auto whole = Make({{"part", "WHOLE"}});
  EXPECT_EQ(Judge(**whole, {item})[0].value,
            ScoreOf("Why?", item.completion()));
}

TEST_F(ModelRuleTest, BitsDoNotDependOnBatchThreadsOrCallers) {
  const auto rule = Make({}, 1);
  const std::vector<RuleResult> all = Judge(**rule, items_);
  const auto threaded = Make({}, 3);
  const std::vector<RuleResult> other = Judge(**threaded, items_);
  for (size_t i = 0; i < items_.size(); ++i) {
    ASSERT_EQ(all[i].kind, REWARD_SCORE) << all[i].detail;
    EXPECT_EQ(other[i].value, all[i].value);
    EXPECT_EQ(Judge(**rule, {items_[i]})[0].value, all[i].value);
  }
  // Several callers at once, of two rules that share the model.
  const RuleFactory factory = MakesModelRule(2);
  const auto a = factory({{"path", folder_.path()}});
  const auto b = factory({{"path", folder_.path()}, {"scale", "1"}});
  std::vector<std::thread> callers;
  std::vector<std::vector<RuleResult>> results(4);
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back(
        [&, t] { results[t] = Judge(t % 2 == 0 ? **a : **b, items_); });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& result : results) {
    for (size_t i = 0; i < items_.size(); ++i) {
      EXPECT_EQ(result[i].value, all[i].value);
    }
  }
}

TEST_F(ModelRuleTest, WhatCannotBeJudgedHasItsOwnKind) {
  const auto rule = Make({{"scale", "0.5"}});
  const std::vector<RuleResult> results =
      Judge(**rule, {Item("p", "<think>never ends"), Item("p", ""),
                     Item("p", std::string(1000, 'a')), Item("p", "fine")});
  for (int i : {0, 1}) {
    EXPECT_EQ(results[i].kind, REWARD_SCORE);
    EXPECT_EQ(results[i].value, -2.5);
    EXPECT_THAT(results[i].detail, HasSubstr("nothing to judge"));
  }
  EXPECT_EQ(results[2].kind, REWARD_ABSTAIN);
  EXPECT_THAT(results[2].detail,
              HasSubstr("1004 tokens, more than the reward model's context"));
  EXPECT_EQ(results[3].kind, REWARD_SCORE);
  EXPECT_EQ(results[3].value, 0.5 * ScoreOf("p", "fine"));
  const auto lenient = Make({{"no_answer", "0.25"}});
  EXPECT_EQ(Judge(**lenient, {Item("p", "<think>never ends")})[0].value, 0.25);
}

TEST_F(ModelRuleTest, AnyBytesGetAResult) {
  const auto rule = Make({{"part", "WHOLE"}});
  for (const std::string& text :
       {std::string("\0\xff\xfe", 3), std::string("<|endoftext|>"),
        std::string("\n\n\n x"), std::string("\xe2\x82")}) {
    const RuleResult result = Judge(**rule, {Item(text, text)})[0];
    EXPECT_EQ(result.kind, REWARD_SCORE) << result.detail;
    EXPECT_TRUE(std::isfinite(result.value));
  }
}

TEST_F(ModelRuleTest, PastTheDeadlineIsATimeout) {
  const auto rule = Make({});
  RuleContext context;
  context.deadline = absl::InfinitePast();
  for (const RuleResult& result : Judge(**rule, items_, context)) {
    EXPECT_EQ(result.kind, REWARD_TIMEOUT);
  }
  // It judges again.
  EXPECT_EQ(Judge(**rule, items_)[0].kind, REWARD_SCORE);
}

// However far it comes: the first items have their scores, the rest are
// timeouts, and the next call is served as if nothing had been.
TEST_F(ModelRuleTest, ADeadlineCutsABatchButHarmsNoOther) {
  const auto rule = Make({});
  const std::vector<RuleResult> all = Judge(**rule, items_);
  for (int milliseconds : {1, 3, 10, 30}) {
    RuleContext context;
    context.deadline = absl::Now() + absl::Milliseconds(milliseconds);
    const std::vector<RuleResult> some = Judge(**rule, items_, context);
    bool is_cut = false;
    for (size_t i = 0; i < items_.size(); ++i) {
      is_cut = is_cut || some[i].kind != REWARD_SCORE;
      EXPECT_EQ(some[i].kind, is_cut ? REWARD_TIMEOUT : REWARD_SCORE) << i;
      if (is_cut) continue;
      EXPECT_EQ(some[i].value, all[i].value);
    }
    EXPECT_EQ(Judge(**rule, {items_[9]})[0].value, all[9].value);
  }
}

TEST_F(ModelRuleTest, ServesInAScorerUnderAnyName) {
  RewardRegistry registry;
  ASSERT_TRUE(
      registry.RegisterPlugin("helpful", MakesModelRule(1), kModelRuleCarrier)
          .ok());
  ASSERT_TRUE(
      registry.RegisterPlugin("safety", MakesModelRule(1), kModelRuleCarrier)
          .ok());
  RewardRuleSpec helpful, safety;
  helpful.set_name("helpful");
  helpful.set_weight(1);
  (*helpful.mutable_option())["path"] = folder_.path();
  safety = helpful;
  safety.set_name("safety");
  safety.set_weight(2);
  (*safety.mutable_option())["part"] = "WHOLE";
  const auto scorer = Scorer::Create(registry, {{helpful, safety}}, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  const RewardItem item = Item("Why?", "<think>b</think>so");
  const RewardResult result = scorer->Score(item, absl::InfiniteFuture());
  ASSERT_EQ(result.kind(), REWARD_SCORE) << result.detail();
  const double a = ScoreOf("Why?", "so"),
               b = ScoreOf("Why?", "<think>b</think>so");
  EXPECT_EQ(result.total(), a + 2 * b);
  EXPECT_EQ(result.components(0).value(), a);
  EXPECT_EQ(result.versions().at("safety"), HashParams(params_));
}

TEST_F(ModelRuleTest, BadOptionsAndFoldersAreNamed) {
  const RuleFactory factory = MakesModelRule(1);
  ExpectError(factory({}).status(), "option \"path\"", "no path");
  ExpectError(Make({{"part", "answer"}}).status(), "one of ANSWER, WHOLE",
              "part");
  ExpectError(Make({{"scale", "much"}}).status(), "option \"scale\"", "scale");
  ExpectError(Make({{"threads", "2"}}).status(), "unknown option \"threads\"",
              "unknown");
  ExpectError(factory({{"path", "/nonexistent"}}).status(), "/nonexistent",
              "no folder");
  const std::string hash = ByteTokenizer()->hash();
  ExpectError(Make({{"tokenizer", "other"}}).status(), "expected other",
              "tokenizer");

  // A language model, whose folder is next asked for as a reward model again.
  ModelConfig config = TinyJudge();
  config.head = ModelHead::kVocabulary;
  ASSERT_TRUE(WriteModelFolder(folder_.path(), config, RandomParams(config),
                               *ByteTokenizer())
                  .ok());
  ExpectError(factory({{"path", folder_.path()}}).status(),
              "is no reward model", "language model");
  ASSERT_TRUE(
      WriteModelFolder(folder_.path(), TinyJudge(), params_, *ByteTokenizer())
          .ok());
  EXPECT_TRUE(factory({{"path", folder_.path()}}).ok());
}

}  // namespace
}  // namespace r1
