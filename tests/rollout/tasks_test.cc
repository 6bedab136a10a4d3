// Countdown, arithmetic, the corpus and JSONL rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

#include "rollout/prompt_source.h"
#include "rollout/tasks/arithmetic.h"
#include "rollout/tasks/corpus.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/jsonl.h"

namespace r1 {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

// Independent oracle: every value that can be made of the numbers with
// positive-integer steps, by exhaustive pairwise combination.
void Reachable(const std::vector<int64_t>& values, std::set<int64_t>* out) {
  if (values.size() == 1) out->insert(values[0]);
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < values.size(); ++j) {
      if (i == j) continue;
      std::vector<int64_t> rest;
      for (size_t k = 0; k < values.size(); ++k) {
        if (k != i && k != j) rest.push_back(values[k]);
      }
      const int64_t a = values[i], b = values[j];
      for (int64_t r : {a + b, a - b, a * b, a % b == 0 ? a / b : 0}) {
        if (r <= 0) continue;
        rest.push_back(r);
        Reachable(rest, out);
        rest.pop_back();
      }
    }
  }
}

TaskSection Countdown(int min_numbers, int max_numbers) {
  TaskSection config;
  config.set_min_numbers(min_numbers);
  config.set_max_numbers(max_numbers);
  config.set_max_number(30);
  config.set_template_("Q: {question} A:");
  return config;
}

TEST(CountdownProblem, EveryTargetIsReachable) {
  const TaskSection config = Countdown(3, 4);
  for (int i = 0; i < 200; ++i) {
    RandomSequence random(5, RandomStream::kData, i, 0);
    const auto p = MakeCountdownProblem(config, Split::kTrain, &random);
    std::set<int64_t> reachable;
    Reachable(p.numbers, &reachable);
    EXPECT_TRUE(reachable.count(p.target)) << p.Question();
    EXPECT_GE(p.numbers.size(), 3u);
    EXPECT_LE(p.numbers.size(), 4u);
  }
}

TEST(CountdownProblem, TrainAndHeldOutAreDisjoint) {
  TaskSection config = Countdown(3, 3);
  config.set_max_number(6);  // few problems: collisions would show
  std::set<std::string> train, held_out;
  for (int i = 0; i < 2000; ++i) {
    RandomSequence a(1, RandomStream::kData, i, 0);
    RandomSequence b(2, RandomStream::kData, i, 0);
    train.insert(MakeCountdownProblem(config, Split::kTrain, &a).Canonical());
    held_out.insert(
        MakeCountdownProblem(config, Split::kHeldOut, &b).Canonical());
  }
  EXPECT_GT(held_out.size(), 20u);
  for (const std::string& problem : held_out) {
    EXPECT_EQ(train.count(problem), 0u) << problem;
  }
}

// Numbers without an attempt (4 and 4 with "-", 3 and 5 with "/", 600 and 600
// with "+") are drawn again: this must end, and every target be reachable.
TEST(CountdownProblem, AnyOperatorsGiveProblems) {
  for (const char* operators : {"+", "-", "*", "/", "-/"}) {
    TaskSection config = Countdown(2, 3);
    config.set_operators(operators);
    config.set_max_number(operators[0] == '+' ? 999 : 30);
    ASSERT_TRUE(CheckCountdownGenerator(config).ok()) << operators;
    for (int i = 0; i < 50; ++i) {
      for (Split split : {Split::kTrain, Split::kHeldOut}) {
        RandomSequence random(5, RandomStream::kData, i, 0);
        const auto p = MakeCountdownProblem(config, split, &random);
        std::set<int64_t> reachable;
        Reachable(p.numbers, &reachable);
        EXPECT_TRUE(reachable.count(p.target)) << p.Question();
        EXPECT_LE(p.target, kCountdownLimit);
      }
    }
  }
}

TEST(CountdownProblem, SettingsWithoutProblemsOfASplitAreRefused) {
  TaskSection config = Countdown(2, 2);
  config.set_operators("+");
  config.set_max_number(2);  // 1+1, 1+2 and 2+2: none of them is held out
  const absl::Status status = CheckCountdownGenerator(config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no held-out"));
}

TEST(CountdownAttempt, ExpressionHasTheValueOfItsSteps) {
  // Fixed cases of precedence: the text must mean what the steps computed.
  // Evaluated by a small recursive-descent oracle.
  struct Parser {
    const char* p;
    int64_t Sum() {
      int64_t v = Product();
      while (*p == '+' || *p == '-')
        v = *p++ == '+' ? v + Product() : v - Product();
      return v;
    }
    int64_t Product() {
      int64_t v = Atom();
      while (*p == '*' || *p == '/') v = *p++ == '*' ? v * Atom() : v / Atom();
      return v;
    }
    int64_t Atom() {
      if (*p == '(') {
        ++p;
        const int64_t v = Sum();
        ++p;
        return v;
      }
      int64_t v = 0;
      while (*p >= '0' && *p <= '9') v = v * 10 + (*p++ - '0');
      return v;
    }
  };
  for (int i = 0; i < 2000; ++i) {
    RandomSequence random(3, RandomStream::kData, i, 0);
    const CountdownAttempt attempt =
        RandomAttempt({2, 3, 5, 24}, "+-*/", &random);
    Parser parser{attempt.expression.c_str()};
    EXPECT_EQ(parser.Sum(), attempt.value) << attempt.expression;
    EXPECT_EQ(*parser.p, '\0') << attempt.expression;
    EXPECT_EQ(attempt.steps.size(), 3u);
  }
}

TEST(ArithmeticProblem, EveryLineOfItsWorkingHoldsAndTheLastIsTheAnswer) {
  TaskSection config;  // all four operators are the default
  config.set_digits(4);
  std::map<char, int> seen;
  for (int i = 0; i < 500; ++i) {
    RandomSequence random(3, RandomStream::kData, i, 0);
    const auto p = MakeArithmeticProblem(config, Split::kTrain, &random);
    ++seen[p.op];
    const auto compute = [](int64_t a, char op, int64_t b) {
      return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
    };
    EXPECT_EQ(p.answer, compute(p.a, p.op, p.b));
    EXPECT_GE(p.answer, 0);
    if (p.op == '/') {
      EXPECT_EQ(p.answer * p.b, p.a);
    }
    int64_t last = -1;
    std::istringstream working(p.Working());
    for (std::string line; std::getline(working, line);) {
      long long a, b, result;
      char op;
      ASSERT_EQ(
          std::sscanf(line.c_str(), "%lld%c%lld=%lld", &a, &op, &b, &result), 4)
          << line;
      EXPECT_EQ(result, compute(a, op, b)) << line;
      last = result;
    }
    EXPECT_EQ(last, p.answer) << p.Question() << "\n" << p.Working();
  }
  for (const char op : {'+', '-', '*', '/'}) EXPECT_GT(seen[op], 90) << op;
}

TEST(Corpus, IsAFunctionOfItsIndexAndOfMixedQuality) {
  const TaskSection config = Countdown(3, 3);
  int guesses = 0, tagged = 0, wrong_turns = 0;
  constexpr int kDocuments = 2000;
  for (int i = 0; i < kDocuments; ++i) {
    const CorpusDocument d = MakeCorpusDocument(config, 9, i);
    EXPECT_EQ(d.completion, MakeCorpusDocument(config, 9, i).completion);
    guesses += d.completion.find("guess") != std::string::npos;
    tagged += d.completion.find("<answer>") != std::string::npos;
    wrong_turns += d.completion.find(" no\n") != std::string::npos;
  }
  // guess_share is 0.6 by default: within four standard errors.
  EXPECT_NEAR(guesses / double{kDocuments}, 0.6,
              4 * std::sqrt(0.24 / kDocuments));
  EXPECT_GT(tagged, kDocuments / 2);
  EXPECT_LT(tagged, kDocuments);
  EXPECT_GT(wrong_turns, kDocuments / 4);
}

TEST(Jsonl, ReadsCountdownAndQuestionRows) {
  TaskSection config;
  auto rows = ParseProblems(
      config, "\xef\xbb\xbf{\"nums\":[1,2],\"target\":3,\"id\":\"a\"}\r\n\n",
      "f");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].source, "a");
  EXPECT_EQ((*rows)[0].question, "Make 3 from 1 2.");
  EXPECT_EQ((*rows)[0].reference, "{\"nums\":[1,2],\"target\":3,\"id\":\"a\"}");

  config.set_kind(QUESTION_ANSWER);
  rows = ParseProblems(config, "{\"question\":\"1+1?\",\"answer\":2}", "f");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].source, "line 1");
  EXPECT_EQ((*rows)[0].reference, "{\"answer\":2}");
}

TEST(Jsonl, NamesEveryBadLineAndItsReason) {
  const auto rows = ParseProblems(TaskSection(),
                                  "{\"nums\":[1,2],\"target\":3}\n"
                                  "{\"nums\":[1,\"x\"],\"target\":3}\n"
                                  "not json\n"
                                  "{\"nums\":[1]}\n",
                                  "rows.jsonl");
  ASSERT_EQ(rows.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(rows.status().message());
  EXPECT_THAT(message, HasSubstr("rows.jsonl:2: \"nums\": expected integers"));
  EXPECT_THAT(message, HasSubstr("rows.jsonl:3: not valid JSON"));
  EXPECT_THAT(message, HasSubstr("rows.jsonl:4: expected \"target\""));
  EXPECT_EQ(message.find("rows.jsonl:1:"), std::string::npos);
  EXPECT_FALSE(ParseProblems(TaskSection(), "\n\n", "empty").ok());
}

TEST(Jsonl, RefusesWhatNoRewardCouldScore) {
  for (const char* row : {"{\"nums\":[1,-2],\"target\":3}",
                          "{\"nums\":[1,18446744073709551615],\"target\":3}",
                          "{\"nums\":[1,2],\"target\":18446744073709551615}",
                          "{\"nums\":[1,2],\"target\":3,\"target\":4}"}) {
    EXPECT_FALSE(ParseProblems(TaskSection(), row, "f").ok()) << row;
  }
  std::string ones = "1";
  for (int i = 0; i < 32; ++i) ones += ",1";
  EXPECT_FALSE(ParseProblems(TaskSection(),
                             "{\"nums\":[" + ones + "],\"target\":3}", "f")
                   .ok());
}

// Depth is memory on the stack to a recursive reader or printer.
TEST(Jsonl, DeepNestingIsRefusedNotACrash) {
  constexpr int kDepth = 1000000;
  const std::string deep =
      std::string(kDepth, '[') + "1" + std::string(kDepth, ']');
  const auto rows = ParseProblems(
      TaskSection(), "{\"nums\":[" + deep + "],\"target\":3}", "f");
  ASSERT_FALSE(rows.ok());
  EXPECT_LT(rows.status().message().size(), 200u);
  EXPECT_FALSE(ParseTextRows("{\"text\":" + deep + "}", "f").ok());
}

TEST(Jsonl, AMissingFieldIsNamedWithItsKeyAndWhatThereIs) {
  TaskSection config;
  config.set_kind(QUESTION_ANSWER);
  const auto rows =
      ParseProblems(config, "{\"problem\":\"p\",\"answer\":\"1\"}", "f");
  EXPECT_EQ(rows.status().message(),
            "f:1: task.question_field: no field \"question\", only: answer, "
            "problem");
}

TEST(Jsonl, ALineThatIsNoObjectIsNamedWithItsFault) {
  const auto rows = ParseProblems(
      TaskSection(), "[1]\n{\"nums\": [1, 2]\n{\"nums\": \"\xff\"}\n", "f");
  const std::string message(rows.status().message());
  EXPECT_THAT(message, HasSubstr("f:1: expected one JSON object, got array"));
  EXPECT_THAT(message, HasSubstr("f:2: not valid JSON at byte 16"));
  EXPECT_THAT(message, HasSubstr("f:3: not valid JSON at byte 11"));
}

TEST(Jsonl, NegativeNumbersAreRefused) {
  const auto rows =
      ParseProblems(TaskSection(), "{\"nums\": [-1, 2], \"target\": 1}", "f");
  EXPECT_EQ(rows.status().message(),
            "f:1: \"nums\": expected integers of 0 or more, got -1");
}

TEST(Jsonl, AFileOfBadLinesIsNotReadToItsEnd) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "x\n";
  const auto rows = ParseProblems(TaskSection(), text, "f");
  const std::string message(rows.status().message());
  EXPECT_THAT(message, HasSubstr("f:20: "));
  EXPECT_THAT(message, Not(HasSubstr("f:21: ")));
  EXPECT_THAT(message, EndsWith("f: the rest was not read"));
}

TEST(Jsonl, ReadsTextRows) {
  const auto rows = ParseTextRows(
      "{\"text\":\"abc\"}\n{\"prompt\":\"p\",\"completion\":\"c\"}\n", "f");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].prompt, "");
  EXPECT_EQ((*rows)[0].completion, "abc");
  EXPECT_EQ((*rows)[1].line, 2);
  EXPECT_EQ((*rows)[1].prompt, "p");
  EXPECT_EQ((*rows)[1].completion, "c");
  EXPECT_FALSE(ParseTextRows("{\"prompt\":\"p\"}", "f").ok());
}

// A row of {question, split}.
std::string SplitRow(const std::string& question, const std::string& split) {
  return absl::StrCat("{\"question\": \"", question, "\", \"split\": ", split,
                      "}\n");
}

std::string SplitError(const std::string& text) {
  TaskSection config;
  config.set_kind(QUESTION_ANSWER);
  config.set_split_field("split");
  return std::string(ParseProblems(config, text, "f").status().message());
}

TEST(Jsonl, ARowMaySayOnWhichSideItStands) {
  TaskSection config;
  config.set_kind(QUESTION_ANSWER);
  config.set_split_field("extra_info.split");
  const auto rows = ParseProblems(
      config,
      "{\"question\": \"a\", \"extra_info\": {\"split\": \"train\"}}\n"
      "{\"question\": \"b\", \"extra_info\": {\"split\": \"test\"}}\n"
      "{\"question\": \"c\", \"extra_info.split\": \"dev\"}\n"
      "{\"question\": \"b\", \"extra_info\": {\"split\": \"eval\"}}\n"
      "{\"question\": \"e\", \"extra_info\": {\"split\": \"validation\"}}\n",
      "f");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->at(0).split, Split::kTrain);
  for (int i = 1; i < 5; ++i) EXPECT_EQ(rows->at(i).split, Split::kHeldOut);
  config.clear_split_field();
  EXPECT_EQ(ParseProblems(config, SplitRow("a", "\"x\""), "f")->at(0).split,
            std::nullopt);
}

TEST(Jsonl, ASideThatIsNoneIsNamedWithItsLine) {
  const std::string good =
      SplitRow("a", "\"train\"") + SplitRow("b", "\"test\"");
  EXPECT_EQ(SplitError(good), "");
  const std::string wrong =
      SplitError(good + SplitRow("c", "\"Train\"") + SplitRow("d", "1") +
                 "{\"question\": \"e\"}\n");
  constexpr char kExpected[] =
      "task.split_field: field \"split\": expected \"train\", or \"test\", "
      "\"validation\", \"dev\" or \"eval\" for what is held out, got ";
  EXPECT_EQ(wrong, absl::StrCat("f:3: ", kExpected, "\"Train\"\nf:4: ",
                                kExpected, "1\nf:5: ", kExpected, "none"));
}

TEST(Jsonl, BothSidesHaveRowsAndShareNoProblem) {
  EXPECT_EQ(
      SplitError(SplitRow("a", "\"train\"") + SplitRow("b", "\"train\"")),
      "f: by task.split_field \"split\" 2 rows are to train on and 0 held "
      "out: expected some of both; without task.split_field one problem "
      "in ten is held out");
  EXPECT_THAT(SplitError(SplitRow("a", "\"dev\"")),
              testing::HasSubstr("0 rows are to train on and 1 held out"));
  EXPECT_EQ(SplitError(SplitRow("a", "\"train\"") + SplitRow("b", "\"dev\"") +
                       SplitRow("a", "\"eval\"")),
            "f:3: the question of line 1 again, which stands on the other side "
            "of task.split_field: drop one of them, or what is held out would "
            "be trained on");
}

}  // namespace
}  // namespace r1
