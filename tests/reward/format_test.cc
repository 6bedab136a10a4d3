#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "reward/format/format_rule.h"
#include "reward/format/tags.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

struct Case {
  std::string completion;
  double strict;
  double lenient;
};

const std::string kNul(1, '\0');

const std::vector<Case>& Cases() {
  static const auto* cases = new std::vector<Case>{
      {"<think>a</think><answer>b</answer>", 1, 1},
      {" \t<think>a</think>\r\n\f\v<answer>b</answer>\n", 1, 1},
      {"<think>line\nline\n</think>\n<answer>\n1\n+ 2\n</answer>", 1, 1},
      {"<think></think><answer>b</answer>", 1, 1},
      {"<think>a < b > c </thin ></think><answer>x<y</answer>", 1, 1},
      // An empty answer.
      {"<think>a</think><answer></answer>", 0, 1},
      {"<think>a</think><answer> \n\t</answer>", 0, 1},
      // Text outside the blocks, NUL and non-breaking space included.
      {"x<think>a</think><answer>b</answer>", 0, 1},
      {"<think>a</think>x<answer>b</answer>", 0, 1},
      {"<think>a</think><answer>b</answer>x", 0, 1},
      {"<think>a</think><answer>b</answer>" + kNul, 0, 1},
      {"\xC2\xA0<think>a</think><answer>b</answer>", 0, 1},
      {"<think>a</think><answer>b</answer><|im_end|>", 0, 1},
      // A prompt must not open the reasoning for the completion.
      {"a</think><answer>b</answer>", 0, 0},
      // Missing tags.
      {"", 0, 0},
      {"b", 0, 0},
      {"<think>a</think>b", 0, 0},
      {"<think>a<answer>b</answer>", 0, 0},
      {"<think>a</think><answer>b", 0, 0},
      {"<answer>b</answer>", 0, 0},
      // Several blocks, nested blocks, tags in the wrong place.
      {"<think>a</think><think>a</think><answer>b</answer>", 0, 1},
      {"<think><think>a</think></think><answer>b</answer>", 0, 1},
      {"<think>a</think><answer>b</answer><answer>c</answer>", 0, 1},
      {"<think>a</think><answer>b<answer>c</answer></answer>", 0, 1},
      {"<think>a</think></think><answer>b</answer>", 0, 1},
      {"<think>a <answer>0</answer> b</think><answer>b</answer>", 0, 1},
      {"<think>a</think><answer>b</answer></answer>", 0, 1},
      {"<answer>b</answer><think>a</think>", 0, 0},
      {"<think>a<answer>b</think></answer>", 0, 0},
      // Other spellings are text.
      {"<THINK>a</THINK><answer>b</answer>", 0, 0},
      {"<think >a</think><answer>b</answer>", 0, 0},
      {"<think lang=en>a</think><answer>b</answer>", 0, 0},
      {"<think>a</think><Answer>b</Answer>", 0, 0},
  };
  return *cases;
}

TEST(FormatRuleTest, ScoresTheTable) {
  for (const Case& c : Cases()) {
    const RuleResult strict = FormatRule().Score(MakeItem(c.completion), {});
    EXPECT_EQ(strict.kind, REWARD_SCORE);
    EXPECT_EQ(strict.value, c.strict) << c.completion << ": " << strict.detail;
    EXPECT_EQ(strict.detail.empty(), c.strict == 1) << c.completion;
    const RuleResult lenient =
        FormatLenientRule().Score(MakeItem(c.completion), {});
    EXPECT_EQ(lenient.kind, REWARD_SCORE);
    EXPECT_EQ(lenient.value, c.lenient) << c.completion;
  }
}

TEST(FormatRuleTest, DetailNamesTheFault) {
  const auto detail = [](const std::string& completion) {
    return FormatRule().Score(MakeItem(completion), {}).detail;
  };
  EXPECT_EQ(detail("hm"), "<think> is missing");
  EXPECT_EQ(detail("<think>a</think>so <answer>b</answer>"),
            "text before <answer>: \"so\"");
  EXPECT_EQ(detail("<think>a<think>"), "expected </think>, found <think>");
  EXPECT_EQ(detail("<think>a</think><answer>b</answer>\nA: \x1b[2J"),
            "text after </answer>: \"A: \\x1b[2J\"");
}

struct AnswerCase {
  std::string completion;
  std::string strict;   // "" = no answer
  std::string lenient;  // "" = no answer
};

TEST(TagsTest, ExtractsAnswers) {
  const std::vector<AnswerCase> cases = {
      {"<think>a</think><answer> b </answer>", "b", "b"},
      {"<answer>b</answer>", "b", "b"},
      {"reasoning</think><answer>b</answer> thanks", "b", "b"},
      // What stands in the reasoning is no answer.
      {"<think><answer>a</answer></think><answer>b</answer>", "b", "b"},
      {"<think><answer>a</answer></think>", "", "a"},
      {"<think>so <answer>a</answer>", "", "a"},
      {"<answer>a</answer></think>", "", "a"},
      {"<think>a</think><think><answer>b</answer>", "", "b"},
      // Several answers are none.
      {"<think>a</think><answer>b</answer><answer>c</answer>", "", "c"},
      {"<think>a</think><answer>b<answer>c</answer>", "", "c"},
      {"<think>a</think><answer>b</answer></answer>", "", "b"},
      // Unfinished or empty ones.
      {"<think>a</think><answer>b", "", ""},
      {"<think>a</think>b</answer>", "", ""},
      {"<think>a</think></answer>b<answer>", "", ""},
      {"<think>a</think><answer> \n</answer>", "", ""},
      {"<answer>b</answer><answer>c", "", "b"},
      {"", "", ""},
  };
  for (const AnswerCase& c : cases) {
    const ExtractedAnswer strict = ExtractAnswer(c.completion);
    EXPECT_EQ(std::string(strict.text.value_or("")), c.strict) << c.completion;
    EXPECT_EQ(std::string(strict.problem).empty(), strict.text.has_value());
    EXPECT_EQ(std::string(LastAnswer(c.completion).value_or("")), c.lenient)
        << c.completion;
  }
}

TEST(TagsTest, ReasoningEndsAtTheLastClosingTag) {
  struct Case {
    std::string text, reasoning;
    std::optional<std::string> rest;
  };
  const std::vector<Case> cases = {
      {"a</think>b", "a", "b"},  // the prompt opened it
      {"ab", "ab", "ab"},
      {"", "", ""},
      {"x<think>a</think>b", "a", "b"},
      {"<think>a</think>b</think>c", "a</think>b", "c"},
      {"<think>a<think>b</think>c", "a<think>b", "c"},
      // Opened and not closed: no rest.
      {"a<think>b", "b", std::nullopt},
      {"</think>a<think>b", "b", std::nullopt},
      {"<think>a</think>b<think>c", "a", std::nullopt},
  };
  for (const Case& c : cases) {
    const ReasonedText parts = SplitReasoning(c.text);
    EXPECT_EQ(std::string(parts.reasoning), c.reasoning) << c.text;
    ASSERT_EQ(parts.rest.has_value(), c.rest.has_value()) << c.text;
    if (c.rest.has_value()) {
      EXPECT_EQ(std::string(*parts.rest), *c.rest) << c.text;
    }
  }
}

TEST(TagsTest, NextTagFindsEveryKindWithItsPlace) {
  const std::string text = "<<think></think<answer></answer></think>";
  struct Expected {
    Tag tag;
    size_t begin, end;
  };
  const std::vector<Expected> expected = {{Tag::kThinkOpen, 1, 8},
                                          {Tag::kAnswerOpen, 15, 23},
                                          {Tag::kAnswerClose, 23, 32},
                                          {Tag::kThinkClose, 32, 40}};
  size_t at = 0;
  for (const Expected& e : expected) {
    const auto tag = NextTag(text, at);
    ASSERT_TRUE(tag.has_value());
    EXPECT_EQ(tag->tag, e.tag);
    EXPECT_EQ(tag->begin, e.begin);
    EXPECT_EQ(tag->end, e.end);
    at = tag->end;
  }
  EXPECT_FALSE(NextTag(text, at).has_value());
}

}  // namespace
}  // namespace r1
