#include "reward/language/language.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/language/language_rule.h"
#include "reward/language/words.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// The words of a text, "|" at the end of a sentence with words.
std::string Words(const std::string& text) {
  std::vector<std::string> words;
  WordVisitor visitor;
  visitor.word = [&](Script, const std::string& word) {
    words.push_back(word);
  };
  visitor.sentence_end = [&] {
    if (!words.empty() && words.back() != "|") words.push_back("|");
  };
  VisitWords(text, visitor);
  return absl::StrJoin(words, " ");
}

TEST(VisitWordsTest, LeavesOutWhatIsNoProse) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"Let us see. So it is!", "let us see | so it is |"},
      {"the sum $a+bc$ is $$\nxyz\n$$ odd", "the sum is odd |"},
      {"cost \\(ab cd\\) and \\[ef\\] end", "cost and end |"},
      {"so \\begin{align*}ab cd\\end{align*} end", "so end |"},
      {"\\frac{ab}{cd} \\alpha", "ab cd |"},  // commands go, text stays
      {"it costs $5 now and $6 then", "it costs now and then |"},
      {"costs \\$5 now, \\$6 then", "costs now then |"},
      {"takes $\\$6 ab$ and 3.5 or so", "takes and or so |"},
      {"see ```py\nfor it in xs\n``` done", "see done |"},
      {"see ```py\nfor it in xs", "see |"},
      {"call `foo(bar)` now", "call now |"},
      {"a tick ` alone", "tick alone |"},
      {"at https://a.bc/de?f=gh now www.x.yz ok", "at now ok |"},
      {"foo_bar x1 y 3rd don't", "don |"},
      {"<think>yes</think> <answer>no</answer>", "yes no |"},
      {"\xEF\xBC\xA1\xEF\xBC\xA2", "ab |"},  // full-width AB
      {"\xC3\x89t\xC3\xA9 Stra\xC3\x9F"
       "e",
       "ete strasse |"},
      {"e\xCC\x81t", "et |"},  // with a combining accent
      {"\xE7\xAC\xAC"
       "3\xE7\xAB\xA0",
       "\xE7\xAC\xAC \xE7\xAB\xA0 |"},  // 第3章
      {"\xFF\xFE ok\xC3", "ok |"},
      {"", ""},
  };
  for (const auto& [text, words] : cases) EXPECT_EQ(Words(text), words) << text;
}

int Target(const std::string& code) {
  for (int i = 0; i < Languages().size(); ++i) {
    if (Languages()[i].code == code) return i;
  }
  ADD_FAILURE() << code;
  return 0;
}

std::string Share(const std::string& code, const std::string& text) {
  const WordShare share = CountWords(text, Target(code));
  return absl::StrCat(share.target, "/", share.all);
}

constexpr char kEnglish[] = "First we add the two numbers and see what it is.";
constexpr char kGerman[] =
    "Zuerst addieren wir die beiden Zahlen und sehen, was es ist.";
constexpr char kFrench[] =
    "D'abord nous ajoutons les deux nombres et on voit ce que c'est.";
constexpr char kSpanish[] =
    "Primero sumamos los dos n\xC3\xBAmeros y vemos lo que es.";
// 我们先把两个数相加。
constexpr char kChinese[] =
    "\xE6\x88\x91\xE4\xBB\xAC\xE5\x85\x88\xE6\x8A\x8A\xE4\xB8\xA4\xE4\xB8\xAA"
    "\xE6\x95\xB0\xE7\x9B\xB8\xE5\x8A\xA0\xE3\x80\x82";
// まず二つの数を足す。
constexpr char kJapanese[] =
    "\xE3\x81\xBE\xE3\x81\x9A\xE4\xBA\x8C\xE3\x81\xA4\xE3\x81\xAE\xE6\x95\xB0"
    "\xE3\x82\x92\xE8\xB6\xB3\xE3\x81\x99\xE3\x80\x82";
// Сначала сложим два числа.
constexpr char kRussian[] =
    "\xD0\xA1\xD0\xBD\xD0\xB0\xD1\x87\xD0\xB0\xD0\xBB\xD0\xB0 "
    "\xD1\x81\xD0\xBB\xD0\xBE\xD0\xB6\xD0\xB8\xD0\xBC "
    "\xD0\xB4\xD0\xB2\xD0\xB0 \xD1\x87\xD0\xB8\xD1\x81\xD0\xBB\xD0\xB0.";

TEST(CountWordsTest, EveryLanguageIsItselfAndNoOther) {
  EXPECT_EQ(Share("en", kEnglish), "11/11");
  EXPECT_EQ(Share("de", kGerman), "11/11");
  EXPECT_EQ(Share("fr", kFrench), "12/12");
  EXPECT_EQ(Share("es", kSpanish), "9/9");
  EXPECT_EQ(Share("zh", kChinese), "9/9");
  EXPECT_EQ(Share("ja", kJapanese), "9/9");  // three of them Han
  EXPECT_EQ(Share("ru", kRussian), "4/4");
  for (const char* other : {"de", "fr", "es", "it", "pt", "nl", "zh", "ru"}) {
    EXPECT_EQ(Share(other, kEnglish), "0/11") << other;
  }
  for (const char* other : {"en", "ja", "ko"}) {
    EXPECT_EQ(Share(other, kChinese), "0/9") << other;
  }
  EXPECT_EQ(Share("zh", kJapanese), "0/9");
}

TEST(CountWordsTest, MixturesAreSharedBySentence) {
  const std::string mixed = absl::StrCat(kEnglish, " ", kGerman, kChinese);
  EXPECT_EQ(Share("en", mixed), "11/31");
  EXPECT_EQ(Share("de", mixed), "11/31");
  EXPECT_EQ(Share("zh", mixed), "9/31");
  EXPECT_EQ(Share("ja", mixed), "0/31");
  // A Chinese sentence beside a Japanese one stays Chinese.
  EXPECT_EQ(Share("zh", absl::StrCat(kChinese, kJapanese)), "9/18");
}

TEST(CountWordsTest, UndecidedSentencesGoWithTheRest) {
  // One stop word of another language decides nothing.
  EXPECT_EQ(Share("en", absl::StrCat(kEnglish, " Ten miles per hour.")),
            "15/15");
  // "Xylo bracket." has no stop word.
  EXPECT_EQ(Share("en", absl::StrCat(kEnglish, " Xylo bracket.")), "13/13");
  EXPECT_EQ(Share("de", absl::StrCat(kEnglish, " Xylo bracket.")), "0/13");
  // Without evidence: no words for a Latin target, foreign ones for another.
  EXPECT_EQ(Share("en", "Xylo bracket."), "0/0");
  EXPECT_EQ(Share("zh", absl::StrCat(kChinese, " Xylo bracket.")), "9/11");
}

RuleResult Score(const std::string& completion, const RuleOptions& options) {
  const auto parsed = LanguageOptions::Parse(options);
  if (!parsed.ok()) return RuleResult::Error(parsed.status().ToString());
  return LanguageRule(*parsed).Score(MakeItem(completion), {});
}

TEST(LanguageRuleTest, JudgesTheReasoningAlone) {
  const std::string text = absl::StrCat("<think>", kEnglish, "</think><answer>",
                                        kGerman, "</answer>");
  EXPECT_EQ(Score(text, {}).value, 1);
  EXPECT_EQ(Score(text, {}).detail, "11 of 11 words are en");
  EXPECT_EQ(Score(text, {{"part", "whole"}}).value, 0.5);
  EXPECT_EQ(Score(text, {{"target", "de"}}).value, 0);
  EXPECT_EQ(Reasoning("a</think>b"), "a");  // the prompt opened it
  EXPECT_EQ(Reasoning("a<think>b"), "b");
  EXPECT_EQ(Reasoning("ab"), "ab");
  EXPECT_EQ(Reasoning("</think>a<think>b"), "b");
  EXPECT_EQ(Reasoning("<think>a</think>b</think>c"), "a</think>b");
}

TEST(LanguageRuleTest, AbstainsBelowItsMinimum) {
  const RuleResult few = Score("<think>so it is</think>", {});
  EXPECT_EQ(few.kind, REWARD_ABSTAIN);
  EXPECT_EQ(few.detail, "3 of 3 words are en, fewer than min_words = 10");
  EXPECT_EQ(Score("<think>so it is</think>", {{"min_words", "3"}}).value, 1);
  EXPECT_EQ(Score("", {{"min_words", "1"}}).kind, REWARD_ABSTAIN);
  EXPECT_EQ(Score("x", {{"target", "xx"}}).kind, REWARD_ERROR);
}

// Inputs on which a search from every opening, or putting marks into order,
// would take hours.
TEST(LanguageRuleTest, IsLinearOnHostileText) {
  for (const std::string unit :
       {"$",
        "$a",
        "$$",
        "\\$",
        "\\`",
        "`",
        "``` ",
        "\\(",
        "\\[",
        "\\begin{",
        "\\end{",
        "\\begin{a}\\end{",
        "http://",
        "w",
        "www.",
        "<think",
        "_",
        "1a",
        "a\xCC\x95\xCC\xA0",  // marks of two classes, in turn
        "\xEF\xB7\xBA",       // decomposes into 18 letters
        "\xE1\xBE\x82",
        "\xEA\xB0\x80",
        "\xE3\x81\x8C",
        "the ",
        "\xFF",
        "\xF0"}) {
    std::string text = "<think>";
    while (text.size() < (4 << 20)) text += unit;
    const absl::Time start = absl::Now();
    const RuleResult result = Score(text, {{"min_words", "1"}});
    EXPECT_LT(absl::Now() - start, absl::Seconds(10)) << unit;
    EXPECT_NE(result.kind, REWARD_ERROR) << unit;
  }
}

}  // namespace
}  // namespace r1
