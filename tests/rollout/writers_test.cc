// The corpus of the toy world, demonstrations, pairs and labels: every stated
// sum and verdict is checked by patterns of its own here.
#include "rollout/tasks/writers.h"

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "rollout/tasks/demonstrations.h"
#include "rollout/tasks/phrases.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kDocuments = 10000;

// Five standard errors of a share of `n`.
double Slack(double share, double n) {
  return 5 * std::sqrt(share * (1 - share) / n);
}

struct Step {
  int64_t a, b, result;
  char op;
  bool is_chinese;
};

const std::regex& StepPattern() {
  static const std::regex& pattern =
      *new std::regex("(\\d+)( and | less |加|减)(\\d+)( make |得)(\\d+)");
  return pattern;
}

std::vector<Step> StepsOf(const std::string& line) {
  std::vector<Step> steps;
  for (std::sregex_iterator it(line.begin(), line.end(), StepPattern()), end;
       it != end; ++it) {
    const std::smatch& m = *it;
    const bool adds = m[2] == " and " || m[2] == "加";
    EXPECT_EQ(m[2] == " and " || m[2] == " less ", m[4] == " make ") << line;
    steps.push_back({std::stoll(m[1]), std::stoll(m[3]), std::stoll(m[5]),
                     adds ? '+' : '-', m[4] == "得"});
  }
  return steps;
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Thought and answer of a completion with or without tags.
bool Split(const std::string& completion, std::string* thought,
           std::string* answer) {
  static const std::regex& pattern = *new std::regex(
      "(?:<think>)?((?:.|\\n)*?\\n)(?:</think><answer>|The answer is |答案是 )"
      "(.*?)(?:</answer>|\\.|。)");
  std::smatch m;
  if (!std::regex_match(completion, m, pattern)) return false;
  *thought = m[1];
  *answer = m[2];
  return true;
}

TEST(Writers, EveryStatedSumAndVerdictIsRight) {
  const WriterOptions options;
  ASSERT_TRUE(CheckWriters(options).ok());
  const std::regex question_pattern("Make (\\d+) from (\\d+) (\\d+) (\\d+)\\.");
  const std::regex verdict_pattern("(is it |是)(\\d+)\\? (yes|no|对|不)$");
  int64_t num_steps = 0, num_verdicts = 0, num_reached = 0;
  for (int i = 0; i < kDocuments; ++i) {
    const WrittenAnswer d = WriteDocument(options, 9, i);
    std::string thought, answer;
    ASSERT_TRUE(Split(d.completion, &thought, &answer)) << d.completion;
    std::smatch question;
    const bool is_countdown =
        std::regex_match(d.question, question, question_pattern);
    std::multiset<int64_t> numbers;
    for (size_t n = 2; n < question.size(); ++n) {
      numbers.insert(std::stoll(question[n]));
    }
    std::set<std::string> lines;
    for (const std::string& line : LinesOf(thought)) {
      const std::vector<Step> steps = StepsOf(line);
      num_steps += steps.size();
      for (const Step& s : steps) {
        EXPECT_EQ(s.result, s.op == '+' ? s.a + s.b : s.a - s.b) << line;
        EXPECT_GT(s.result, 0);
      }
      std::smatch m;
      if (!std::regex_search(
              line, m, std::regex("(is it |是)(\\d+)\\? (yes|no|对|不)$"))) {
        continue;
      }
      ++num_verdicts;
      // All numbers of the question are used once, and the second step goes on
      // with what the first made.
      ASSERT_TRUE(is_countdown && steps.size() == 2) << line;
      std::multiset<int64_t> used = {steps[0].a, steps[0].b, steps[1].a,
                                     steps[1].b};
      ASSERT_EQ(used.count(steps[0].result) > 0, true) << line;
      used.erase(used.find(steps[0].result));
      EXPECT_EQ(used, numbers) << line;
      EXPECT_EQ(m[2], question[1]) << line;
      const bool says_yes = m[3] == "yes" || m[3] == "对";
      EXPECT_EQ(says_yes, steps[1].result == std::stoll(m[2])) << line;
      EXPECT_EQ(m[1] == "是", steps[1].is_chinese) << line;
      EXPECT_EQ(m[1] == "是", m[3] == "对" || m[3] == "不") << line;
      num_reached += says_yes;
      EXPECT_TRUE(lines.insert(line).second) << d.completion;
    }
    // Nobody goes on after a yes.
    const size_t yes = std::min(thought.find("? yes"), thought.find("? 对"));
    if (yes != thought.npos) {
      EXPECT_EQ(thought.find('\n', yes), thought.size() - 1) << thought;
    }
  }
  EXPECT_GT(num_steps, 10000);
  EXPECT_GT(num_verdicts, 5000);
  EXPECT_GT(num_reached, 1500);
}

// The rule finds in the corpus what the patterns above do.
TEST(Writers, TheRuleTrueStepsAgrees) {
  const RewardRegistry registry = BuiltinRewardRules();
  const auto rule = *registry.Make("true_steps", {});
  for (int i = 0; i < 3000; ++i) {
    const WrittenAnswer d = WriteDocument({}, 9, i);
    const size_t count = StepsOf(d.completion).size();
    const RuleResult result = ScoreOne(*rule, MakeItem(d.completion));
    if (count == 0) {
      EXPECT_EQ(result.kind, REWARD_NOT_APPLICABLE) << d.completion;
    } else {
      EXPECT_EQ(result.value, 1) << d.completion << result.detail;
      EXPECT_EQ(result.metrics.at("statements"), count) << d.completion;
    }
  }
}

TEST(Writers, SharesAndHabitsAreThoseOfTheOptions) {
  const WriterOptions options;
  std::map<std::string, double> subjects;
  double guesses = 0, searches = 0, tagged = 0;
  std::map<std::string, double> operators;  // of writers of one language
  double native = 0, switched = 0, mixed = 0;
  std::map<std::string, double> solved, written;
  for (int i = 0; i < kDocuments; ++i) {
    const WrittenAnswer d = WriteDocument(options, 9, i);
    tagged += absl::StartsWith(d.completion, "<think>");
    const bool is_countdown = absl::StartsWith(d.question, "Make ");
    ++subjects[is_countdown                            ? "countdown"
               : absl::StartsWith(d.question, "Work ") ? "sums"
               : absl::StartsWith(d.question, "Tell ") ||
                       absl::StrContains(d.question, "words secret ")
                   ? "requests"
                   : "instructions"];
    if (!is_countdown) continue;
    const std::vector<Step> steps = StepsOf(d.completion);
    (steps.empty() ? guesses : searches) += 1;
    if (steps.empty()) continue;
    std::set<bool> tongues;
    for (const Step& s : steps) tongues.insert(s.is_chinese);
    const std::string style = tongues.size() == 2 ? "mixed"
                              : *tongues.begin()  ? "zh"
                                                  : "en";
    ++written[style];
    solved[style] += absl::StrContains(d.completion, "? yes") ||
                     absl::StrContains(d.completion, "? 对");
    mixed += tongues.size() == 2;
    for (const Step& s : steps) {
      if (tongues.size() == 2) {
        ++switched;
        native += s.is_chinese == (s.op == '-');
      }
    }
  }
  EXPECT_NEAR(subjects["countdown"] / kDocuments, 0.66,
              Slack(0.66, kDocuments));
  EXPECT_NEAR(subjects["sums"] / kDocuments, 0.12, Slack(0.12, kDocuments));
  EXPECT_NEAR(subjects["instructions"] / kDocuments, 0.16,
              Slack(0.16, kDocuments));
  EXPECT_NEAR(subjects["requests"] / kDocuments, 0.06, Slack(0.06, kDocuments));
  EXPECT_NEAR(tagged / kDocuments, 0.65, Slack(0.65, kDocuments));
  EXPECT_NEAR(guesses / (guesses + searches), 0.45,
              Slack(0.45, guesses + searches));
  // A step's language is its operator's with habit + (1 - habit) / 2 = 0.99;
  // with some tolerance, as only documents with both languages are counted.
  EXPECT_GT(native / switched, 0.97);
  EXPECT_GT(mixed / searches, 0.2);
  // Mixing solves more, which is what the world is made for.
  EXPECT_GT(solved["mixed"] / written["mixed"],
            solved["en"] / written["en"] + 0.1);
  EXPECT_GT(solved["mixed"] / written["mixed"],
            solved["zh"] / written["zh"] + 0.1);
  RecordProperty("solved_mixed",
                 absl::StrCat(solved["mixed"] / written["mixed"]));
  RecordProperty("solved_en", absl::StrCat(solved["en"] / written["en"]));
  RecordProperty("solved_zh", absl::StrCat(solved["zh"] / written["zh"]));
}

TEST(Writers, InstructionsAndRequestsHaveTheirShares) {
  WriterOptions options;
  options.countdown = options.sums = options.requests = 0;
  double right = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string text = WriteDocument(options, 9, i).completion;
    right += !(absl::StrContains(text, "I say it\n") ||
               absl::StrContains(text, "我说\n"));
  }
  EXPECT_NEAR(right / 4000, 0.4, Slack(0.4, 4000));
  options.instructions = 0;
  options.requests = 0.1;
  double refused = 0, secrets = 0;
  for (int i = 0; i < 4000; ++i) {
    const WrittenAnswer d = WriteDocument(options, 9, i);
    const bool is_secret = absl::StrContains(d.question, "the secret of");
    const bool is_refused =
        absl::StrContains(d.completion, std::string(kRefusal));
    secrets += is_secret;
    refused += is_refused;
    EXPECT_LE(is_refused, is_secret) << d.question;
  }
  EXPECT_NEAR(refused / secrets, 0.25, Slack(0.25, secrets));
}

// P1: in any order, alone or among others.
TEST(Writers, ADocumentIsAFunctionOfSeedAndIndex) {
  std::map<int, std::string> first;
  for (int i = 0; i < 300; ++i) {
    first[i] = WriteDocument({}, 4, i).completion;
  }
  std::set<std::string> other_seed;
  for (int i = 299; i >= 0; --i) {
    EXPECT_EQ(WriteDocument({}, 4, i).completion, first[i]);
    other_seed.insert(WriteDocument({}, 5, i).completion);
  }
  int same = 0;
  for (const auto& [i, text] : first) same += other_seed.count(text);
  EXPECT_LT(same, 60);  // short answers do come again
}

// The held-out problems of every task, as evaluation draws them, never occur.
TEST(Writers, HeldOutProblemsNeverOccur) {
  std::set<std::string> held_out;
  for (int i = 0; i < 4000; ++i) {
    RandomSequence random(0, RandomStream::kHeldOutData, i, 0);
    const auto c =
        MakeCountdownProblem(CountdownOptions(), Split::kHeldOut, &random);
    held_out.insert(c.Question());
    held_out.insert(MakeSumsProblem({}, Split::kHeldOut, &random).Question());
    held_out.insert(
        MakeInstructionProblem({}, Split::kHeldOut, &random).Question());
    held_out.insert(MakeSecretProblem({}, Split::kHeldOut, &random).Question());
  }
  EXPECT_GT(held_out.size(), 2000u);
  for (int i = 0; i < kDocuments; ++i) {
    const std::vector<std::string> questions = {
        WriteDocument({}, 3, i).question, WriteDemonstration({}, 3, i).question,
        WritePreferencePair({}, 3, i).question,
        WriteSafetyLabel({}, 3, i).question};
    for (const std::string& question : questions) {
      EXPECT_EQ(held_out.count(question), 0u) << question;
    }
  }
}

TEST(Writers, BadOptionsAreNamed) {
  const auto message = [](const std::function<void(WriterOptions*)>& change) {
    WriterOptions options;
    change(&options);
    return std::string(CheckWriters(options).message());
  };
  EXPECT_THAT(message([](auto* o) { o->habit = 1.1; }),
              HasSubstr("habit: expected a share from 0 to 1, got 1.1"));
  EXPECT_THAT(message([](auto* o) {
                o->no_tags = std::numeric_limits<double>::quiet_NaN();
              }),
              HasSubstr("no_tags: expected a share from 0 to 1, got nan"));
  EXPECT_THAT(message([](auto* o) {
                o->countdown = o->sums = o->instructions = o->requests = 0;
              }),
              HasSubstr("above 0 of one at least of countdown, sums"));
  EXPECT_THAT(message([](auto* o) { o->max_attempts = 0; }),
              HasSubstr("max_attempts: expected 1 or more, got 0"));
  EXPECT_THAT(message([](auto* o) { o->countdown_options.operators = "+*"; }),
              HasSubstr("the writers know + and - only, got \"+*\""));
  EXPECT_THAT(message([](auto* o) { o->countdown_options.max_numbers = 9; }),
              HasSubstr("numbers: expected 2 <= min <= max <= 6"));
  EXPECT_THAT(message([](auto* o) { o->sums_options.numbers = 0; }),
              HasSubstr("sums: numbers"));
  EXPECT_THAT(message([](auto* o) { o->instruction_options.kinds.clear(); }),
              HasSubstr("instructions: kinds"));
  EXPECT_THAT(message([](auto* o) { o->secret_options.secrets = -1; }),
              HasSubstr("secrets: expected a share"));
}

// Habits without a way out: nobody can subtract from 4 and 4 something above 0.
TEST(Writers, StrictHabitsEnd) {
  WriterOptions options;
  options.habit = 1;
  options.gives_up = 0;
  options.max_attempts = 100;
  options.countdown_options = {2, 6, 2, "+-"};
  ASSERT_TRUE(CheckWriters(options).ok());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(WriteDocument(options, 1, i).completion.empty());
  }
}

TEST(Demonstrations, HaveTheRightFormInNineOfTenAndRefuseInThreeOfFour) {
  const RewardRegistry registry = BuiltinRewardRules();
  const auto format = *registry.Make("format", {});
  const auto language = *registry.Make("language", {{"min_words", "1"}});
  double listened = 0, instructions = 0, refused = 0, secrets = 0;
  for (int i = 0; i < kDocuments; ++i) {
    const WrittenAnswer d = WriteDemonstration({}, 9, i);
    EXPECT_EQ(d.completion, WriteDemonstration({}, 9, i).completion);
    EXPECT_EQ(ScoreOne(*format, MakeItem(d.completion)).value, 1);
    for (const char c : d.completion) EXPECT_GT(c, 0) << d.completion;
    for (const Step& s : StepsOf(d.completion)) {
      EXPECT_EQ(s.result, s.op == '+' ? s.a + s.b : s.a - s.b);
    }
    const bool is_refused =
        absl::StrContains(d.completion, std::string(kRefusal));
    if (absl::StrContains(d.question, "the secret of")) {
      ++secrets;
      refused += is_refused;
    } else {
      EXPECT_FALSE(is_refused) << d.question;
    }
    if (absl::StartsWith(d.question, "Work out ") ||
        absl::StartsWith(d.question, "Tell ") ||
        absl::StrContains(d.question, "words secret ")) {
      continue;
    }
    ++instructions;
    listened += !absl::StrContains(d.completion, "I say it\n");
  }
  EXPECT_NEAR(instructions / kDocuments, 0.6, Slack(0.6, kDocuments));
  EXPECT_NEAR(listened / instructions, 0.9, Slack(0.9, instructions));
  EXPECT_NEAR(refused / secrets, 0.75, Slack(0.75, secrets));
}

TEST(PreferencePairs, OneFollowsTheInstructionAndTheOtherDoesNot) {
  const RewardRegistry registry = BuiltinRewardRules();
  const auto rule = *registry.Make("instruction", {});
  // The reference of a question, from the generator: pairs do not carry it.
  std::map<std::string, std::string> references;
  for (int i = 0; i < 60000; ++i) {
    RandomSequence random(77, RandomStream::kData, i, 0);
    const auto p = MakeInstructionProblem({}, Split::kTrain, &random);
    references[p.Question()] = p.Reference();
  }
  int judged = 0;
  std::set<std::string> forms;
  for (int i = 0; i < 3000; ++i) {
    const PreferencePair pair = WritePreferencePair({}, 9, i);
    EXPECT_EQ(pair.rejected, WritePreferencePair({}, 9, i).rejected);
    EXPECT_NE(pair.chosen, pair.rejected);
    const auto reference = references.find(pair.question);
    if (reference == references.end()) continue;
    ++judged;
    EXPECT_EQ(ScoreOne(*rule, MakeItem(pair.chosen, reference->second)).value,
              1)
        << pair.question << pair.chosen;
    EXPECT_EQ(ScoreOne(*rule, MakeItem(pair.rejected, reference->second)).value,
              0)
        << pair.question << pair.rejected;
  }
  EXPECT_GT(judged, 2500);
}

TEST(SafetyLabels, WhatTellsASecretIsUnsafe) {
  double unsafe = 0, leaks = 0, secrets = 0;
  for (int i = 0; i < kDocuments; ++i) {
    const SafetyLabel label = WriteSafetyLabel({}, 9, i);
    EXPECT_EQ(label.completion, WriteSafetyLabel({}, 9, i).completion);
    const bool is_secret = absl::StrContains(label.question, "the secret of");
    // Secrets are the only numbers of such answers.
    const bool tells =
        label.completion.find_first_of("0123456789") != std::string::npos;
    EXPECT_EQ(label.is_safe, !tells) << label.completion;
    EXPECT_LE(tells, is_secret);
    secrets += is_secret;
    unsafe += tells;
    leaks +=
        tells && absl::StrContains(label.completion, std::string(kRefusal));
  }
  EXPECT_NEAR(unsafe / secrets, 0.5, Slack(0.5, secrets));
  EXPECT_NEAR(leaks / unsafe, 0.3, Slack(0.3, unsafe));
}

TEST(Demonstrations, BadOptionsAreNamed) {
  DemonstrationOptions options;
  options.leaks = 2;
  EXPECT_THAT(std::string(CheckDemonstrations(options).message()),
              HasSubstr("leaks: expected a share from 0 to 1, got 2"));
  options = {};
  options.instructions = options.sums = options.requests = 0;
  EXPECT_THAT(std::string(CheckDemonstrations(options).message()),
              HasSubstr("instructions, sums, requests"));
  EXPECT_TRUE(CheckDemonstrations({}).ok());
}

TEST(PhrasesTest, ChineseStepsAndVerdictsAreSaidInEnglish) {
  EXPECT_EQ(SayInEnglish("7加3得10, 10减7得3, 是11? 不\n"),
            "7 and 3 make 10, 10 less 7 make 3, is it 11? no\n");
  EXPECT_EQ(SayInEnglish("7 and 3得10, 10减7 make 3, 是3? 对"),
            "7 and 3 make 10, 10 less 7 make 3, is it 3? yes");
  // As the writers say it themselves.
  const CountdownStep step{10, '-', 7, 3};
  EXPECT_EQ(SayInEnglish(SayStep(step, Tongue::kChinese)),
            SayStep(step, Tongue::kEnglish));
  EXPECT_EQ(SayInEnglish(SayVerdict(3, true, Tongue::kChinese)),
            SayVerdict(3, true, Tongue::kEnglish));
}

}  // namespace
}  // namespace r1
