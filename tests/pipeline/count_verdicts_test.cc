#include "pipeline/evaluation/count_verdicts.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;

// Results of the rule "mine", as one letter each: r right, w wrong, e error,
// t timeout, a abstention, n not applicable.
std::vector<RewardResult> Results(const std::string& letters) {
  std::vector<RewardResult> results;
  for (const char letter : letters) {
    RewardResult& result = results.emplace_back();
    result.set_kind(letter == 'e'                    ? REWARD_ERROR
                    : letter == 't'                  ? REWARD_TIMEOUT
                    : letter == 'a' || letter == 'n' ? REWARD_ABSTAIN
                                                     : REWARD_SCORE);
    if (letter == 'n') result.add_not_applicable("mine");
    if (result.kind() != REWARD_SCORE) continue;
    RewardComponent* component = result.add_components();
    component->set_name("mine");
    component->set_value(letter == 'r');
  }
  return results;
}

Metrics Count(const std::vector<std::string>& problems) {
  CountedRules rules;
  rules.judges.resize(1);
  rules.judges[0].rule.set_name("mine");
  const int64_t k = problems[0].size();
  VerdictCount count(k, rules);
  for (const std::string& letters : problems) {
    std::vector<EvalSample> samples(k);
    for (EvalSample& sample : samples) sample.num_tokens = 10;
    count.AddProblem("{}", Results(letters), absl::MakeSpan(samples));
    for (int64_t i = 0; i < k; ++i) {
      EXPECT_EQ(samples[i].is_correct.value_or(false), letters[i] == 'r');
      EXPECT_EQ(samples[i].is_correct.has_value(),
                letters[i] == 'r' || letters[i] == 'w');
    }
  }
  return count.Finish();
}

double Value(const Metrics& metrics, const std::string& name) {
  return MetricOr(metrics, name, -1);
}

TEST(VerdictCountTest, WhatFailedIsNoPartOfAProblemsEstimates) {
  const Metrics metrics = Count({"rwer", "wwta"});
  EXPECT_DOUBLE_EQ(Value(metrics, "pass@1"), (2.0 / 3 + 0) / 2);
  EXPECT_DOUBLE_EQ(Value(metrics, "pass@4"), 0.5);  // pass@3 and pass@2
  EXPECT_EQ(Value(metrics, "problems"), 2);
  EXPECT_EQ(Value(metrics, "abstained"), 0);
  EXPECT_EQ(Value(metrics, "errors"), 2);
  EXPECT_EQ(Value(metrics, "abstained_samples"), 1);
  EXPECT_EQ(Value(metrics, "mean_length"), 10);
}

// Whichever sample fails, pass@1 stays the same on average: a problem that is
// judged at all is judged without bias.
TEST(VerdictCountTest, PassAt1IsUnbiasedWhateverFails) {
  const std::string whole = "rrwww";
  for (const char lost : {'e', 't', 'a'}) {
    double sum = 0;
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string letters = whole;
      letters[i] = lost;
      sum += Value(Count({letters}), "pass@1");
    }
    EXPECT_DOUBLE_EQ(sum / 5, 2.0 / 5) << lost;
  }
}

TEST(VerdictCountTest, AProblemWithoutVerdictsIsLeftOutAndCounted) {
  const Metrics metrics = Count({"aaa", "eta", "rrr", "eee", "aaa"});
  EXPECT_EQ(Value(metrics, "pass@1"), 1);
  EXPECT_EQ(Value(metrics, "problems"), 1);
  EXPECT_EQ(Value(metrics, "abstained"), 2);  // unusable references
  EXPECT_EQ(Value(metrics, "unjudged"), 2);
  EXPECT_EQ(Value(metrics, "errors"), 5);
  EXPECT_THAT(metrics, Not(Contains(Key("abstained_samples"))));
  EXPECT_THAT(Count({"rrr"}), Not(Contains(Key("unjudged"))));
}

TEST(VerdictCountTest, AProblemThatTheJudgeIsNotForIsCountedApart) {
  const Metrics metrics = Count({"nnn", "rrw", "aaa", "nnn"});
  EXPECT_EQ(Value(metrics, "problems"), 1);
  EXPECT_EQ(Value(metrics, "not_applicable"), 2);
  EXPECT_EQ(Value(metrics, "abstained"), 1);
  EXPECT_EQ(Value(metrics, "errors"), 0);
  EXPECT_THAT(Count({"rrr"}), Not(Contains(Key("not_applicable"))));
}

// Each problem has the verdicts of the first judge that applies to it.
TEST(VerdictCountTest, ProblemsMayHaveDifferentJudges) {
  CountedRules rules;
  rules.judges.resize(2);
  rules.judges[0].rule.set_name("math");
  rules.judges[1].rule.set_name("code");
  rules.judges[1].right_from = 10;
  VerdictCount count(1, rules);
  const auto add = [&](const char* judge, double score, const char* other) {
    std::vector<RewardResult> results(1);
    results[0].set_kind(REWARD_SCORE);
    RewardComponent* component = results[0].add_components();
    component->set_name(judge);
    component->set_value(score);
    results[0].add_not_applicable(other);
    std::vector<EvalSample> samples(1);
    count.AddProblem("{}", results, absl::MakeSpan(samples));
    return samples[0].is_correct;
  };
  EXPECT_EQ(add("math", 1, "code"), true);
  EXPECT_EQ(add("math", 0, "code"), false);
  EXPECT_EQ(add("code", 1, "math"), false);
  EXPECT_EQ(add("code", 10, "math"), true);
  EXPECT_EQ(Value(count.Finish(), "problems"), 4);
  EXPECT_EQ(Value(count.Finish(), "pass@1"), 0.5);
  EXPECT_THAT(count.Finish(), Not(Contains(Key("not_applicable"))));
}

// A result whose kind comes from another rule still has the judge's verdict.
TEST(VerdictCountTest, AnotherRulesErrorIsCountedAndTakesNoVerdict) {
  CountedRules rules;
  rules.judges.resize(1);
  rules.judges[0].rule.set_name("mine");
  rules.means = {"other"};
  VerdictCount count(1, rules);
  std::vector<RewardResult> results = Results("r");
  results[0].set_kind(REWARD_ERROR);
  std::vector<EvalSample> samples(1);
  count.AddProblem("{}", results, absl::MakeSpan(samples));
  EXPECT_EQ(samples[0].is_correct, true);
  EXPECT_EQ(Value(count.Finish(), "pass@1"), 1);
  EXPECT_EQ(Value(count.Finish(), "errors"), 1);
  EXPECT_EQ(Value(count.Finish(), "reward/rule/other"), 0);
}

TEST(VerdictCountTest, WhatRulesMeasuredIsAveragedOverThoseThatHaveIt) {
  CountedRules rules;
  rules.judges.resize(1);
  rules.judges[0].rule.set_name("mine");
  rules.means = {"other"};
  VerdictCount count(3, rules);
  std::vector<RewardResult> results = Results("rrw");
  (*results[0].mutable_metrics())["other/size"] = 1;
  (*results[2].mutable_metrics())["other/size"] = 4;
  (*results[0].mutable_metrics())["mine/size"] = 9;  // not asked for
  std::vector<EvalSample> samples(3);
  count.AddProblem("{}", results, absl::MakeSpan(samples));
  EXPECT_EQ(Value(count.Finish(), "reward/metric/other/size"), 2.5);
  EXPECT_THAT(count.Finish(), Not(Contains(Key("reward/metric/mine/size"))));
}

// Nobody knows where the answers of another's rule stand.
TEST(VerdictCountTest, ConsensusIsLeftOutWhereAnswersCannotBeRead) {
  EXPECT_THAT(Count({"rw"}), Not(Contains(Key("cons@2"))));
  CountedRules rules;
  rules.judges.resize(1);
  rules.judges[0].rule.set_name("mine");
  VerdictCount count(2, rules);
  std::vector<EvalSample> samples(2);
  samples[0].completion = "<answer>1</answer>";
  samples[1].completion = "<answer>2</answer>";
  count.AddProblem("{}", Results("rw"), absl::MakeSpan(samples));
  EXPECT_EQ(Value(count.Finish(), "cons@2"), 1);
  rules.judges[0].rule.set_name("math");
  EXPECT_EQ(Value(VerdictCount(2, rules).Finish(), "cons@2"), 0);
}

}  // namespace
}  // namespace r1
