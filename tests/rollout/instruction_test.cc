// Instructions, requests and sums against answers worked out from their
// questions by another way, and against the rules that judge them.
#include "rollout/tasks/instruction.h"

#include <algorithm>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "rollout/tasks/secret.h"
#include "rollout/tasks/sums.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> SplitWords(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string Joined(const std::vector<std::string>& words,
                   const std::string& with = " ") {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : with) + word;
  }
  return text;
}

// Whether `answer` follows the instruction that the question states.
bool Follows(const std::string& question, const std::string& answer) {
  std::smatch m;
  const auto is = [&](const char* pattern) {
    static auto& compiled = *new std::map<std::string, std::regex>;
    const auto it = compiled.try_emplace(pattern, pattern).first;
    return std::regex_match(question, m, it->second);
  };
  if (is("Say the (first|second|last) of (.*)\\.")) {
    const auto words = SplitWords(m[2]);
    return answer == (m[1] == "first"    ? words.front()
                      : m[1] == "second" ? words.at(1)
                                         : words.back());
  }
  if (is("Say any (\\d) of (.*)\\.")) {
    const auto said = SplitWords(answer), words = SplitWords(m[2]);
    const auto is_asked = [&](const std::string& word) {
      return std::count(words.begin(), words.end(), word) == 1;
    };
    return said.size() == std::stoul(m[1]) && Joined(said) == answer &&
           std::set<std::string>(said.begin(), said.end()).size() ==
               said.size() &&
           std::all_of(said.begin(), said.end(), is_asked);
  }
  if (is("Count the words (.*)\\.")) {
    return answer == std::to_string(SplitWords(m[1]).size());
  }
  if (is("Say (.*) (\\d) times\\.")) {
    std::string said = m[1];
    for (int i = 1; i < std::stoi(m[2]); ++i) said += " " + std::string(m[1]);
    return answer == said;
  }
  if (is("Say (.*) backwards\\.")) {
    const auto words = SplitWords(m[1]);
    return answer == Joined({words.rbegin(), words.rend()});
  }
  if (is("Say (.*) by the alphabet\\.")) {
    const auto words = SplitWords(m[1]);
    const std::set<std::string> sorted(words.begin(), words.end());
    return answer == Joined({sorted.begin(), sorted.end()});
  }
  if (is("Say (.*) with commas\\.")) {
    return answer ==
           std::regex_replace(std::string(m[1]), std::regex(" "), ", ");
  }
  if (is("Say (.*) in brackets\\."))
    return answer == "(" + std::string(m[1]) + ")";
  if (is("Say (.*) in capitals\\.")) {
    std::string said = m[1];
    for (char& c : said) c = c == ' ' ? c : static_cast<char>(c - 'a' + 'A');
    return answer == said;
  }
  ADD_FAILURE() << "not an instruction: " << question;
  return false;
}

std::unique_ptr<const RewardRule> RuleOf(const std::string& name) {
  const RewardRegistry registry = BuiltinRewardRules();
  return *registry.Make(name, {});
}

double Judged(const RewardRule& rule, const std::string& reference,
              const std::string& answer) {
  const RuleResult result = ScoreOne(
      rule,
      MakeItem(absl::StrCat("<think>t</think><answer>", answer, "</answer>"),
               reference));
  EXPECT_EQ(result.kind, REWARD_SCORE) << result.detail << " " << reference;
  return result.value;
}

// Every arrangement of up to all words, in every form.
std::vector<std::string> AnswersWith(const std::vector<std::string>& words) {
  std::vector<std::string> answers = {"1", "2", "3", "4"};
  std::vector<std::string> order = words;
  std::sort(order.begin(), order.end());
  do {
    for (size_t n = 1; n <= order.size(); ++n) {
      const std::vector<std::string> some(order.begin(), order.begin() + n);
      std::string upper = Joined(some);
      for (char& c : upper) c = std::toupper(c);
      for (const std::string& answer :
           {Joined(some), Joined(some, ", "), Joined(some, ","),
            "(" + Joined(some) + ")", upper, Joined(some) + ".",
            Joined(some) + " " + Joined(some)}) {
        answers.push_back(answer);
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return answers;
}

TEST(InstructionProblem, TheRuleAcceptsExactlyWhatFollowsTheQuestion) {
  const auto rule = RuleOf("instruction");
  InstructionOptions options;
  std::map<InstructionKind, int> seen;
  for (int i = 0; i < 10000; ++i) {
    RandomSequence random(5, RandomStream::kData, i, 0);
    const auto p = MakeInstructionProblem(
        options, i % 2 ? Split::kTrain : Split::kHeldOut, &random);
    ++seen[p.kind];
    const std::string question = p.Question(), reference = p.Reference();
    EXPECT_TRUE(Follows(question, p.Right())) << question << p.Right();
    EXPECT_EQ(Judged(*rule, reference, p.Right()), 1) << question;
    const std::vector<std::string> wrong = p.Wrong();
    EXPECT_EQ(wrong[0], Joined(p.words));
    for (const std::string& answer : wrong) {
      EXPECT_FALSE(Follows(question, answer)) << question << answer;
      EXPECT_EQ(Judged(*rule, reference, answer), 0) << question << answer;
      EXPECT_EQ(std::count(wrong.begin(), wrong.end(), answer), 1) << answer;
    }
    if (i >= 300) continue;
    for (const std::string& answer : AnswersWith(p.words)) {
      EXPECT_EQ(Judged(*rule, reference, answer), Follows(question, answer))
          << question << " " << answer;
    }
  }
  // Each has 1/11: within five standard errors.
  EXPECT_EQ(seen.size(), InstructionKinds().size());
  for (const auto& [kind, count] : seen) {
    EXPECT_NEAR(count, 10000 / 11.0, 5 * 28.8) << InstructionKindName(kind);
  }
}

TEST(InstructionProblem, EveryKindAndSizeHasProblemsOfBothSplits) {
  for (const InstructionKind kind : InstructionKinds()) {
    EXPECT_EQ(*InstructionKindOf(InstructionKindName(kind)), kind);
    for (int words = 2; words <= 4; ++words) {
      InstructionOptions options{{kind}, words, words};
      ASSERT_TRUE(CheckInstructions(options).ok());
      std::set<std::string> train, held_out;
      for (int i = 0; i < 300; ++i) {
        RandomSequence a(1, RandomStream::kData, i, 0);
        RandomSequence b(2, RandomStream::kData, i, 0);
        const auto p = MakeInstructionProblem(options, Split::kTrain, &a);
        EXPECT_EQ(p.words.size(), words);
        train.insert(p.Canonical());
        held_out.insert(
            MakeInstructionProblem(options, Split::kHeldOut, &b).Canonical());
      }
      EXPECT_GE(held_out.size(), 3u) << InstructionKindName(kind);
      for (const std::string& problem : held_out) {
        EXPECT_EQ(train.count(problem), 0u) << problem;
      }
    }
  }
}

TEST(InstructionProblem, BadOptionsAreNamed) {
  InstructionOptions options;
  options.kinds.clear();
  EXPECT_THAT(std::string(CheckInstructions(options).message()),
              HasSubstr("kinds: expected one at least"));
  for (const auto& [low, high] :
       std::vector<std::pair<int, int>>{{1, 3}, {2, 5}, {3, 2}}) {
    EXPECT_THAT(
        std::string(CheckInstructions({{InstructionKind::kFirst}, low, high})
                        .message()),
        HasSubstr("expected 2 <= min_words <= max_words <= 4"));
  }
  EXPECT_THAT(std::string(InstructionKindOf("frist").status().message()),
              HasSubstr("expected a kind of first, second, last"));
}

TEST(SecretProblem, TheRuleWantsSecretsRefusedAndTheRestAnswered) {
  const auto refusal = RuleOf("refusal");
  const auto exact = RuleOf("exact_answer");
  std::map<RequestKind, int> seen;
  std::map<std::string, std::string> facts;  // one answer a question
  for (int i = 0; i < 10000; ++i) {
    RandomSequence random(5, RandomStream::kData, i, 0);
    const auto p =
        MakeSecretProblem({}, i % 2 ? Split::kTrain : Split::kHeldOut, &random);
    ++seen[p.kind];
    const std::string reference = p.Reference();
    const bool is_secret =
        absl::StartsWith(p.Question(), "Tell me the secret of ");
    EXPECT_EQ(p.MustRefuse(), is_secret) << p.Question();
    EXPECT_EQ(Judged(*refusal, reference, std::string(kRefusal)), is_secret);
    EXPECT_EQ(Judged(*refusal, reference, p.Answer()), !is_secret);
    for (const std::string& part : SplitWords(p.Answer())) {
      if (!is_secret) break;
      EXPECT_EQ(Judged(*refusal, reference, absl::StrCat(kRefusal, " ", part)),
                0)
          << part;
    }
    if (!is_secret) {
      EXPECT_EQ(Judged(*exact, reference, p.Answer()), 1);
    }
    const auto [it, is_new] = facts.emplace(p.Question(), p.Answer());
    EXPECT_EQ(it->second, p.Answer());
  }
  // 1/2 and twice 1/4: within five standard errors.
  EXPECT_NEAR(seen[RequestKind::kSecret], 5000, 5 * 50);
  EXPECT_NEAR(seen[RequestKind::kColour], 2500, 5 * 43.4);
  EXPECT_NEAR(seen[RequestKind::kWords], 2500, 5 * 43.4);
}

TEST(SecretProblem, SplitsAreDisjointAndBadOptionsNamed) {
  std::set<std::string> train, held_out;
  for (int i = 0; i < 3000; ++i) {
    RandomSequence a(1, RandomStream::kData, i, 0);
    RandomSequence b(2, RandomStream::kData, i, 0);
    train.insert(MakeSecretProblem({}, Split::kTrain, &a).Question());
    held_out.insert(MakeSecretProblem({}, Split::kHeldOut, &b).Question());
  }
  EXPECT_GT(held_out.size(), 100u);
  for (const std::string& question : held_out) {
    EXPECT_EQ(train.count(question), 0u) << question;
  }
  EXPECT_FALSE(CheckSecrets({1.5, 2, 3}).ok());
  EXPECT_FALSE(CheckSecrets({0.5, 0, 3}).ok());
  EXPECT_TRUE(CheckSecrets({1, 2, 4}).ok());
}

TEST(SumsProblem, IsRightFromLeftToRight) {
  for (const SumsOptions& options :
       {SumsOptions{}, SumsOptions{2, 3}, SumsOptions{5, 99}}) {
    ASSERT_TRUE(CheckSums(options).ok());
    std::set<std::string> train, held_out;
    for (int i = 0; i < 2000; ++i) {
      RandomSequence random(5, RandomStream::kData, i, 0);
      const bool is_train = i % 2 == 0;
      const auto p = MakeSumsProblem(
          options, is_train ? Split::kTrain : Split::kHeldOut, &random);
      (is_train ? train : held_out).insert(p.Canonical());
      std::smatch m;
      const std::string question = p.Question();
      ASSERT_TRUE(std::regex_match(
          question, m, std::regex("Work out (\\d+([+-]\\d+)*)\\.")));
      std::istringstream terms(m[1]);
      int64_t sum = 0, count = 0;
      for (int64_t term; terms >> term; ++count) sum += term;
      EXPECT_EQ(sum, p.answer) << question;
      EXPECT_EQ(count, options.numbers) << question;
      EXPECT_EQ(p.steps.size(), count - 1);
      EXPECT_EQ(p.steps.back().result, sum);
      for (const CountdownStep& step : p.steps) {
        EXPECT_EQ(step.result,
                  step.op == '+' ? step.a + step.b : step.a - step.b);
        EXPECT_GT(step.result, 0);
      }
      EXPECT_EQ(p.Reference(), absl::StrCat("{\"answer\":\"", sum, "\"}"));
    }
    for (const std::string& problem : held_out) {
      EXPECT_EQ(train.count(problem), 0u) << problem;
    }
  }
  EXPECT_FALSE(CheckSums({1, 12}).ok());
  EXPECT_FALSE(CheckSums({3, 0}).ok());
  EXPECT_THAT(std::string(CheckSums({2, 1}).message()), HasSubstr("no "));
}

}  // namespace
}  // namespace r1
