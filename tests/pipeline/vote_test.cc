#include "pipeline/evaluation/vote.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pipeline/evaluation/estimators.h"

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

// Two ways to write what is right against one wrong answer that is more
// frequent than either: together they win, however many samples there are.
TEST(VotingTest, EqualAnswersVoteTogetherAtAnyNumberOfSamples) {
  const struct {
    const char* gold;
    const char* right;
    const char* also_right;
    const char* wrong;
  } kCases[] = {
      {"1/2", "0.5", "\\frac{1}{2}", "3"},
      {"\\frac{1}{3}", "0.\\overline{3}", "\\frac13", "5"},
      {"1", "x=2/2", "1", "4"},
      {"2\\sqrt{2}", "2\\sqrt2", "\\sqrt8", "9"},
      {"0.5", "50\\%", "0.5", "7"},
      {"(3,\\infty)", "x>3", "(3,\\infty)", "2"},
      {"(1,2)", "(1,2)", "x=1,y=2", "(2,1)"},
      {"(n+1)^2", "(n+1)^2", "n^2+2n+1", "n^2"},
      {"3\\ln 2", "\\ln 8", "3\\ln 2", "8"},
      {"\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt3}", "\\frac{\\sqrt3}{3}", "3"},
      {"1024", "2^{10}", "1{,}024", "1000"},
      {"x^2-1", "(x-1)(x+1)", "x^2-1", "x^2+1"},
  };
  for (const auto& [gold, right, also_right, wrong] : kCases) {
    for (const int k : {20, 64, 65, 128, 200}) {
      std::vector<std::string> samples;
      std::vector<bool> is_right;
      for (int i = 0; i < k; ++i) {
        // 40 % wrong, from the first on; 35 % and 25 % right.
        const int part = i * 7 % 20;
        is_right.push_back(part >= 8);
        samples.push_back(absl::StrCat("\\boxed{",
                                       part < 8    ? wrong
                                       : part < 15 ? right
                                                   : also_right,
                                       "}"));
      }
      const std::vector<absl::string_view> views(samples.begin(),
                                                 samples.end());
      const nlohmann::json reference = {{"answer", gold}};
      const auto answers =
          Voting(Rule("math")).AnswersOf(reference.dump(), views);
      std::vector<Vote> votes;
      std::set<std::string> classes;
      for (int i = 0; i < k; ++i) {
        ASSERT_TRUE(answers[i].strict.has_value()) << samples[i];
        votes.push_back({answers[i].strict, is_right[i]});
        classes.insert(*answers[i].strict);
      }
      EXPECT_EQ(classes.size(), 2u) << right << " " << k;
      EXPECT_TRUE(IsConsensusCorrect(votes)) << right << " " << k;
    }
  }
}

// What decides is compared first; of very many forms, the rarest vote alone.
TEST(VotingTest, ComparisonsAreBounded) {
  std::vector<std::string> samples;
  for (int i = 1; i <= 100; ++i) {
    samples.push_back(absl::StrCat("\\boxed{x+", i, "}"));
  }
  samples.push_back("\\boxed{1+x}");
  EXPECT_EQ(Classes(Rule("math"), samples).back(), 100);  // would take a proof
  samples.push_back("\\boxed{1+x}");
  EXPECT_EQ(Classes(Rule("math"), samples)[0], 0);
  EXPECT_EQ(Classes(Rule("math"), samples).back(), 0);
  // Integers are told apart without a comparison.
  samples.clear();
  for (int i = 1; i <= 300; ++i) {
    samples.push_back(absl::StrCat("\\boxed{", i, "}"));
  }
  samples.push_back("\\boxed{7.0}");
  samples.push_back("\\boxed{\\frac{14}{2}}");
  const std::vector<int> classes = Classes(Rule("math"), samples);
  EXPECT_EQ(classes[299], 299);
  EXPECT_EQ(classes[300], 6);
  EXPECT_EQ(classes[301], 6);
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
