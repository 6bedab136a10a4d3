#include "pipeline/vote.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/estimators.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;

RewardRuleSpec Rule(
    const std::string& name,
    const std::vector<std::pair<std::string, std::string>>& options = {}) {
  RewardRuleSpec rule;
  rule.set_name(name);
  for (const auto& [key, value] : options) {
    (*rule.mutable_option())[key] = value;
  }
  return rule;
}

// The strict answers as numbers: the first sample that has the same one, -1 for
// none.
std::vector<int> Classes(const RewardRuleSpec& rule,
                         const std::vector<std::string>& completions,
                         const std::string& gold = "1/2") {
  const std::vector<absl::string_view> views(completions.begin(),
                                             completions.end());
  const auto answers = Voting(rule).AnswersOf(
      absl::StrCat("{\"answer\": \"", gold, "\"}"), views);
  std::vector<int> classes;
  for (size_t i = 0; i < answers.size(); ++i) {
    classes.push_back(-1);
    for (size_t j = 0; j <= i && answers[i].strict; ++j) {
      if (answers[j].strict != answers[i].strict) continue;
      classes.back() = static_cast<int>(j);
      break;
    }
  }
  return classes;
}

TEST(VotingTest, MathAnswersThatAreEqualVoteTogether) {
  const std::vector<std::string> samples = {
      "\\boxed{2}",   "\\boxed{\\frac12}",  "so \\boxed{2}",
      "\\boxed{0.5}", "<answer>2</answer>", "\\boxed{1/2}"};
  EXPECT_THAT(Classes(Rule("math"), samples), ElementsAre(0, 1, 0, 1, -1, 1));
  // By text alone, and by the answer's tag, the 2 would win or be alone.
  EXPECT_THAT(Classes(Rule("math", {{"mode", "tag"}}), samples),
              ElementsAre(-1, -1, -1, -1, 4, -1));
  std::vector<Vote> votes;
  const std::vector<absl::string_view> views(samples.begin(), samples.end());
  for (const Answers& answers :
       Voting(Rule("math")).AnswersOf(R"({"answer": "1/2"})", views)) {
    votes.push_back({answers.strict, false});
  }
  for (const int right : {1, 3, 5}) votes[right].is_correct = true;
  EXPECT_TRUE(IsConsensusCorrect(votes));
}

TEST(VotingTest, FollowsTheRulesOptions) {
  EXPECT_THAT(Classes(Rule("math", {{"mode", "whole"}}),
                      {"x = 1/2", "y = 1/2", "\\frac{2}{4}", "1/2"}),
              ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(Classes(Rule("math", {{"mode", "whole"}, {"names", "any"}}),
                      {"x = 1/2", "y = 1/2"}),
              ElementsAre(0, 0));
  EXPECT_THAT(
      Classes(Rule("math", {{"mode", "whole"}, {"fractions", "reduced"}}),
              {"\\frac{2}{4}", "1/2"}),
      ElementsAre(0, 1));
  // Options that every rule takes are none of the verifier's.
  EXPECT_THAT(Classes(Rule("math", {{"when", "eval"}, {"gate", "1"}}),
                      {"\\boxed{1/2}", "\\boxed{0.5}"}),
              ElementsAre(0, 0));
}

TEST(VotingTest, ChoicesAreLetters) {
  EXPECT_THAT(
      Classes(Rule("math", {{"mode", "choice"}}),
              {"\\boxed{B}", "The answer is (b).", "C", "\\boxed{12}"}, "B"),
      ElementsAre(0, 0, 2, 3));
}

// 0.33 is right where 1/3 is expected to two places, but 1/3 is no 0.33.
TEST(VotingTest, EqualityHoldsBothWays) {
  EXPECT_THAT(Classes(Rule("math"), {"\\boxed{0.33}", "\\boxed{\\frac13}",
                                     "\\boxed{0.33}", "\\boxed{1/3}"}),
              ElementsAre(0, 1, 0, 1));
}

TEST(VotingTest, WhatIsNoFormulaVotesAsItsText) {
  EXPECT_THAT(Classes(Rule("math"), {"\\boxed{\\frac{1}{}}", "\\boxed{5}",
                                     "\\boxed{\\frac{1} {}}", "\\boxed{"}),
              ElementsAre(0, 1, 0, -1));
}

TEST(VotingTest, ManySamplesAreComparedByCanonicalForm) {
  std::vector<std::string> samples(kMaxPairwiseVotes, "\\boxed{x+1}");
  samples[1] = "\\boxed{ x +1 }";
  samples[2] = "\\boxed{1+x}";
  EXPECT_THAT(std::vector<int>(Classes(Rule("math"), samples)).at(2), 0);
  samples.push_back("\\boxed{x+1}");
  const std::vector<int> classes = Classes(Rule("math"), samples);
  EXPECT_EQ(classes[1], 0);
  EXPECT_EQ(classes[2], 2);  // would take a proof
  EXPECT_EQ(classes.back(), 0);
}

TEST(VotingTest, OtherRulesVoteByTheAnswerTag) {
  const std::vector<std::string> samples = {
      "<answer>1,000</answer>", "<answer>1000.0</answer>",
      "<answer>3 + 5</answer>", "<answer>3+5</answer>",
      "\\boxed{1000}",          "<answer>1</answer><answer>1000</answer>"};
  const std::vector<absl::string_view> views(samples.begin(), samples.end());
  EXPECT_THAT(Classes(Rule("countdown"), samples),
              ElementsAre(0, 0, 2, 2, -1, -1));
  const auto answers = Voting(Rule("countdown")).AnswersOf("{}", views);
  EXPECT_EQ(answers[5].lenient, answers[0].strict);
  // A server's own rule "math" with other options.
  EXPECT_THAT(Classes(Rule("math", {{"model", "big"}}), samples),
              ElementsAre(0, 0, 2, 2, -1, -1));
}

TEST(VotingTest, LenientAnswersOfMathAreTheTagsWhereThereIsNoOther) {
  const std::vector<absl::string_view> views = {
      "\\boxed{1/2} <answer>7</answer>", "<answer>0.5</answer>", "neither"};
  const auto answers =
      Voting(Rule("math")).AnswersOf(R"({"answer": "1/2"})", views);
  EXPECT_EQ(answers[0].lenient, answers[0].strict);
  EXPECT_FALSE(answers[1].strict.has_value());
  EXPECT_TRUE(answers[1].lenient.has_value());
  EXPECT_FALSE(answers[2].lenient.has_value());
}

}  // namespace
}  // namespace r1
