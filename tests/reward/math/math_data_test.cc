// The verifier on data that others wrote.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "reward/math/options.h"
#include "reward/math/parse.h"
#include "reward/math/verify.h"
#include "tests/reward/math/answer_pairs.h"

namespace r1 {
namespace {

const char kPairs[] = R1_SOURCE_DIR "/tests/data/answer_pairs.jsonl";
const char kGolds[] = R1_SOURCE_DIR "/tests/data/math_golds.jsonl";

TEST(MathDataTest, AgreesWithHumanVerdicts) {
  const auto pairs = ReadAnswerPairs(kPairs);
  ASSERT_EQ(pairs.size(), 129u);
  int num_rows = 0, num_agreed = 0, num_accepted_wrongly = 0;
  for (const AnswerPair& pair : pairs) {
    MathOptions options;
    options.mode = pair.mode;
    const MathResult result = VerifyMath(pair.answer, pair.gold, options);
    const bool is_correct = result.verdict == MathVerdict::kCorrect;
    if (is_correct != pair.expected) {
      std::cout << pair.id << (pair.is_policy ? " (policy)" : "")
                << " expected " << pair.expected << ": gold "
                << pair.gold.substr(0, 60) << " answer "
                << pair.answer.substr(0, 60) << ": " << result.reason << "\n";
    }
    if (pair.is_policy) continue;
    ++num_rows;
    num_agreed += is_correct == pair.expected ? 1 : 0;
    num_accepted_wrongly += is_correct && !pair.expected ? 1 : 0;
  }
  std::cout << num_agreed << " of " << num_rows << " rows agree\n";
  EXPECT_GE(num_agreed, 0.97 * num_rows);
  EXPECT_LE(num_accepted_wrongly, 1);
}

// cases.tsv, meaning.tsv: verdict, gold, answer; written by hand.
TEST(MathDataTest, HandWrittenCases) {
  int num_cases = 0;
  for (const std::string name : {"cases.tsv", "meaning.tsv"}) {
    std::ifstream file(R1_SOURCE_DIR "/tests/reward/math/" + name);
    for (std::string line; std::getline(file, line); ++num_cases) {
      const std::vector<std::string> fields = absl::StrSplit(line, '\t');
      ASSERT_EQ(fields.size(), 3u) << line;
      MathOptions options;
      options.mode = MathMode::kWhole;
      const MathResult result = VerifyMath(fields[2], fields[1], options);
      EXPECT_EQ(result.verdict, fields[0] == "right" ? MathVerdict::kCorrect
                                                     : MathVerdict::kIncorrect)
          << line << ": " << result.reason;
    }
  }
  EXPECT_GT(num_cases, 700);
}

// readings.jsonl: how answers are written and where they stand; in mode boxed
// each is put in a box unless it has one.
TEST(MathDataTest, Readings) {
  std::ifstream file(R1_SOURCE_DIR "/tests/reward/math/readings.jsonl");
  int num_cases = 0;
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    const std::string mode = row["mode"], gold = row["gold"];
    const auto options = MathOptions::Parse({{"mode", mode}});
    ASSERT_TRUE(options.ok()) << options.status();
    const auto verdict = [&](std::string answer) {
      ++num_cases;
      if (mode == "boxed" && !absl::StrContains(answer, "oxed{")) {
        answer = absl::StrCat("\\boxed{", answer, "}");
      }
      return VerifyMath(answer, gold, *options).verdict;
    };
    for (const std::string answer : row["right"]) {
      EXPECT_EQ(verdict(answer), MathVerdict::kCorrect)
          << row["kind"] << ": " << answer << " for " << gold;
    }
    for (const std::string answer : row["wrong"]) {
      EXPECT_EQ(verdict(answer), MathVerdict::kIncorrect)
          << row["kind"] << ": " << answer << " for " << gold;
    }
    if (mode != "line") {
      EXPECT_EQ(verdict(gold), MathVerdict::kCorrect)
          << row["kind"] << ": " << gold << " for itself";
    }
  }
  EXPECT_GT(num_cases, 1000);
}

TEST(MathDataTest, EveryGoldIsReadAndEqualsItselfAndItsRendering) {
  const auto golds = ReadGolds(kGolds);
  ASSERT_EQ(golds.size(), 733u);
  MathOptions options;
  options.mode = MathMode::kWhole;
  int num_text = 0;
  for (const std::string& gold : golds) {
    if (gold.empty()) {
      EXPECT_EQ(VerifyMath("1", gold, options).verdict, MathVerdict::kAbstain);
      continue;
    }
    const auto node = math::ReadAnswer(gold, options);
    EXPECT_TRUE(node.ok()) << gold << ": " << node.status();
    if (!node.ok()) continue;
    num_text += (*node)->kind == math::Kind::kText ? 1 : 0;
    const MathResult self = VerifyMath(gold, gold, options);
    EXPECT_EQ(self.verdict, MathVerdict::kCorrect) << gold << self.reason;
    const std::string rendered = math::Render(**node);
    const MathResult again = VerifyMath(rendered, gold, options);
    EXPECT_EQ(again.verdict, MathVerdict::kCorrect)
        << gold << " as " << rendered << ": " << again.reason;
    const MathResult reverse = VerifyMath(gold, rendered, options);
    EXPECT_EQ(reverse.verdict, MathVerdict::kCorrect)
        << rendered << " for " << gold << ": " << reverse.reason;
    if ((*node)->kind != math::Kind::kText) {
      EXPECT_TRUE(math::ParseFormula(rendered, {}).ok()) << rendered;
    }
  }
  std::cout << golds.size() << " golds, " << num_text << " of them text\n";
}

}  // namespace
}  // namespace r1
