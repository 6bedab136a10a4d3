// Modes and policies.
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "reward/math/extract.h"
#include "reward/math/math_rule.h"
#include "reward/math/options.h"
#include "tests/reward/math/math_testing.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

MathOptions Options(std::map<std::string, std::string> set) {
  set.emplace("mode", "whole");
  const auto options = MathOptions::Parse(set);
  EXPECT_TRUE(options.ok()) << options.status();
  return options.value_or(MathOptions());
}

TEST(MathOptionsTest, RefusesUnknownKeysAndValues) {
  const auto message = [](const std::map<std::string, std::string>& options) {
    const auto parsed = MathOptions::Parse(options);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(parsed.status().message());
  };
  EXPECT_EQ(message({{"mode", "box"}}),
            "option \"mode\": expected one of boxed, tag, hash, line, choice, "
            "whole, got \"box\"");
  EXPECT_EQ(message({{"units", "IGNORE"}}),
            "option \"units\": expected one of agree, ignore, require, got "
            "\"IGNORE\"");
  EXPECT_THAT(message({{"mod", "boxed"}}),
              HasSubstr("unknown option \"mod\"; known: mode, boxes, "));
  EXPECT_THAT(message({{"decimal_answer_digits", "-1"}}),
              HasSubstr("expected an integer from 0 to 1000"));
  EXPECT_THAT(message({{"decimal_answer_digits", ""}}),
              HasSubstr("expected an integer"));
  EXPECT_TRUE(MathOptions::Parse({}).ok());
}

// Each policy changes the verdict it is about.
TEST(MathOptionsTest, PoliciesDecide) {
  struct Case {
    const char* key;
    const char* value;
    const char* gold;
    const char* answer;
    bool by_default;
    bool with_value;
  };
  for (const Case& c : std::vector<Case>{
           {"percent", "value", "10\\%", "10", true, false},
           {"percent", "value", "10\\%", "0.1", true, true},
           {"percent", "sign", "10\\%", "0.1", true, false},
           {"percent", "sign", "10\\%", "10\\%", true, true},
           {"units", "ignore", "5 cm", "5 kg", false, true},
           {"units", "require", "5 cm", "5", true, false},
           {"units", "require", "5 cm", "5 cm", true, true},
           {"list_order", "same", "1,2", "2,1", true, false},
           {"fractions", "reduced", "1/2", "2/4", true, false},
           {"fractions", "reduced", "1/2", "1/2", true, true},
           {"decimal_gold", "exact", "0.333", "1/3", true, false},
           {"decimal_answer_digits", "0", "1/3", "0.3333333", true, false},
           {"decimal_answer_digits", "2", "1/3", "0.33", false, true},
           {"decimal_comma", "point", "1.25", "1,25", true, false},
           {"decimal_comma", "comma", "1,2", "1.2", false, true},
           {"inequalities", "apart", "(1,2)", "1<x<2", true, false},
           {"inequalities", "apart", "1<x<2", "(1,2)", true, false},
           {"inequalities", "apart", "1<x<2", "2>x>1", true, true},
           {"names", "any", "x=5", "y=5", false, true},
           {"text_case", "same", "\\text{Paris}", "paris", true, false},
           {"text_case", "same", "\\text{Paris}", "Paris", true, true},
           {"variables", "positive", "x", "\\sqrt{x^2}", false, true},
           {"base", "optional", "204_5", "204", false, true},
           {"base", "optional", "204_5", "205", false, false},
       }) {
    EXPECT_EQ(Verdict(c.answer, c.gold) == MathVerdict::kCorrect, c.by_default)
        << c.gold << " and " << c.answer;
    EXPECT_EQ(Verdict(c.answer, c.gold, Options({{c.key, c.value}})) ==
                  MathVerdict::kCorrect,
              c.with_value)
        << c.key << "=" << c.value << ": " << c.gold << " and " << c.answer;
  }
}

TEST(MathOptionsTest, BoxesThatDifferMayBeNoAnswer) {
  const auto only = MathOptions::Parse({{"boxes", "only"}});
  ASSERT_TRUE(only.ok());
  EXPECT_EQ(Verdict("\\boxed{4} no, \\boxed{5}", "5", MathOptions()),
            MathVerdict::kCorrect);
  EXPECT_EQ(Verdict("\\boxed{4}. No. \\boxed{5}", "5", *only),
            MathVerdict::kIncorrect);
  EXPECT_EQ(Verdict("\\boxed{5} ... \\boxed{5}", "5", *only),
            MathVerdict::kCorrect);
}

std::string Extracted(const std::string& mode, const std::string& completion) {
  const MathAnswer answer =
      ExtractMathAnswer(completion, Options({{"mode", mode}}));
  return answer.text.value_or("none: " + answer.problem);
}

TEST(MathExtractTest, EachModeLooksInItsPlaceAlone) {
  EXPECT_EQ(Extracted("boxed", "a \\boxed{\\frac{1}{2}} b"), "\\frac{1}{2}");
  EXPECT_EQ(Extracted("boxed", "<answer>5</answer>"),
            "none: no box after the reasoning");
  EXPECT_EQ(Extracted("tag", "<think>6</think><answer> 5 </answer>"), "5");
  EXPECT_EQ(Extracted("tag", "\\boxed{5}"),
            "none: no <answer> after the reasoning");
  EXPECT_EQ(Extracted("tag", "<answer>4</answer><answer>5</answer>"),
            "none: several answers");
  EXPECT_EQ(Extracted("hash", "6 #### 4\n#### 1,234 \nmore"), "1,234");
  EXPECT_EQ(Extracted("hash", "5"), "none: no \"####\"");
  EXPECT_EQ(Extracted("line", "Answer: 4.\nThe final answer is $5$."), "$5$.");
  EXPECT_EQ(Extracted("line", "**Answer:** 5"), "5");
  EXPECT_EQ(Extracted("line", "Final Answer:\n\n5\n"), "5");
  EXPECT_EQ(Extracted("line", "ANSWER: \\boxed{42}"), "\\boxed{42}");
  EXPECT_EQ(Extracted("line", "The answer is 5. I hope it is correct."), "5");
  EXPECT_EQ(Extracted("line", "Answer \\[ \n 9 \n \\]"), "\\[ \n 9 \n \\]");
  EXPECT_EQ(Extracted("line", "I answered 5"),
            "none: no \"answer is\" or \"answer:\"");
  EXPECT_EQ(Extracted("line", "The answer is"), "none: the answer is empty");
  EXPECT_EQ(Extracted("whole", "<think>4</think> 5\n"), "5");
  EXPECT_EQ(Extracted("whole", "<think>5"),
            "none: the reasoning is not closed");
}

TEST(MathExtractTest, ChoiceIsLetters) {
  const MathOptions choice = Options({{"mode", "choice"}});
  for (const std::string right :
       {"B", "(B)", "b", "\\boxed{B}", "\\boxed{\\text{(B)}}", "Answer: B",
        "The answer is (B).", "**B**", "B. Paris", "\\text{B}",
        "The answer is B) 42"}) {
    EXPECT_EQ(Verdict(right, "B", choice), MathVerdict::kCorrect) << right;
    EXPECT_EQ(Verdict(right, "\\text{(B)}", choice), MathVerdict::kCorrect);
    EXPECT_EQ(Verdict(right, "C", choice), MathVerdict::kIncorrect) << right;
  }
  for (const std::string wrong :
       {"", "BC", "A and B", "Because B", "\\boxed{}", "\\boxed{B", "AB",
        "\\boxed{A} B", "A, B", "none", "Z", "Bob"}) {
    EXPECT_EQ(Verdict(wrong, "B", choice), MathVerdict::kIncorrect) << wrong;
  }
  EXPECT_EQ(Verdict("B", "Paris", choice), MathVerdict::kAbstain);
  EXPECT_EQ(Verdict("B", "", choice), MathVerdict::kAbstain);
}

TEST(MathRuleTest, ScoresAndAbstains) {
  const MathRule rule;
  const auto score = [&](const std::string& completion,
                         const std::string& reference) {
    return rule.Score(MakeItem(completion, reference), {});
  };
  const RuleResult right =
      score("<think>t</think> \\boxed{0.5}", "{\"answer\": \"\\\\frac12\"}");
  EXPECT_EQ(right.kind, REWARD_SCORE);
  EXPECT_EQ(right.value, 1);
  const RuleResult wrong = score("\\boxed{2}", "{\"answer\": \"\\\\frac12\"}");
  EXPECT_EQ(wrong.kind, REWARD_SCORE);
  EXPECT_EQ(wrong.value, 0);
  EXPECT_EQ(wrong.detail, "answered 2, expected expression \\\\frac{1}{2}");
  EXPECT_EQ(score("2", "{\"answer\": \"2\"}").detail,
            "no box after the reasoning");
  EXPECT_EQ(score("\\boxed{2}", "{}").kind, REWARD_ABSTAIN);
  const RuleResult unusable =
      score("\\boxed{2}", "{\"answer\": \"\\\\frac{1}{\"}");
  EXPECT_EQ(unusable.kind, REWARD_ABSTAIN);
  EXPECT_THAT(unusable.detail, HasSubstr("unusable gold"));
  EXPECT_EQ(score("\\boxed{72}", "{\"answer\": 72}").value, 1);
}

// Reasoning that the prompt opened and nothing closed is no answer.
// A row that was written with one backslash.
TEST(MathRuleTest, AFormFeedBeforeAGoldIsACommand) {
  for (const char* reference :
       {R"({"answer": "\frac{3}{4}"})", R"({"answer": " \frac{3}{4} "})"}) {
    EXPECT_EQ(MathRule().Score(MakeItem("\\boxed{0.75}", reference), {}).value,
              1)
        << reference;
  }
  EXPECT_EQ(
      MathRule().Score(MakeItem("\\boxed{1}", R"({"answer": "\f"})"), {}).kind,
      REWARD_ABSTAIN);
}

TEST(MathRuleTest, ReasoningThatNeverEndsIsNotPaid) {
  const MathRule rule;
  RewardItem item = MakeItem("so \\boxed{5}, let me check", "{\"answer\": 5}");
  EXPECT_EQ(rule.Score(item, {}).value, 1);
  item.set_prompt("What is 2+3?\nAssistant: <think>\n");
  EXPECT_EQ(rule.Score(item, {}).value, 0);
  EXPECT_EQ(rule.Score(item, {}).detail, "the reasoning is not closed");
  item.set_completion("so</think> \\boxed{5}");
  EXPECT_EQ(rule.Score(item, {}).value, 1);
}

TEST(MathRuleTest, ThreadsAgree) {
  // Long enough for each thread to fill caches of its own.
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"\\sin^2 x+\\cos^2 x", "1"},
      {"\\sqrt{3+2\\sqrt2}", "1+\\sqrt2"},
      {"\\ln 2+\\pi+e", "\\pi+e+\\ln 2"},
      {"(a+b)^{20}", "(b+a)^{20}"},
      {"2^{3000}", "2^{3000}+1"}};
  std::vector<std::string> verdicts(4);
  std::vector<std::thread> threads;
  for (std::string& mine : verdicts) {
    threads.emplace_back([&pairs, &mine] {
      for (int i = 0; i < 20; ++i) {
        for (const auto& [gold, answer] : pairs) {
          const bool is_correct =
              Verdict(answer, gold) == MathVerdict::kCorrect;
          mine += is_correct ? "1" : "0";
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string expected;
  for (int i = 0; i < 20; ++i) expected += "11110";
  for (const std::string& mine : verdicts) EXPECT_EQ(mine, expected);
}

}  // namespace
}  // namespace r1
