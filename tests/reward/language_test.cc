#include "reward/language/language.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/language/language_rule.h"
#include "reward/language/latin.h"
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

// tests/reward/language_sentences.tsv: the sentences by language.
std::map<std::string, std::vector<std::string>> Sentences() {
  const auto text = ReadFile(std::string(R1_SOURCE_DIR) +
                             "/tests/reward/language_sentences.tsv");
  EXPECT_TRUE(text.ok()) << text.status();
  std::map<std::string, std::vector<std::string>> sentences;
  for (const absl::string_view line :
       absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    const std::pair<std::string, std::string> row = absl::StrSplit(line, '\t');
    sentences[row.first].push_back(row.second);
  }
  return sentences;
}

// How many of twenty sentences, each by itself, are known for what they are, or
// taken for another language; the others are of none. Half of them have few
// function words. (Function words alone knew 88 of the 140.)
TEST(CountWordsTest, SentencesAreKnownByTheirTrigramsToo) {
  struct Counts {
    int right, wrong;
  };
  const std::map<std::string, Counts> expected = {
      {"de", {19, 0}}, {"en", {18, 1}}, {"es", {14, 2}}, {"fr", {18, 1}},
      {"it", {20, 0}}, {"nl", {18, 1}}, {"pt", {16, 0}}};
  const auto sentences = Sentences();
  ASSERT_EQ(sentences.size(), LatinLanguages().size());
  for (const auto& [code, texts] : sentences) {
    ASSERT_EQ(texts.size(), 20u) << code;
    int right = 0, wrong = 0;
    for (const std::string& text : texts) {
      const WordShare share = CountWords(text, Target(code));
      right += share.all > 0 && share.target == share.all;
      wrong += share.target < share.all;
    }
    EXPECT_EQ(right, expected.at(code).right) << code;
    EXPECT_EQ(wrong, expected.at(code).wrong) << code;
  }
}

// Every language with every other: five sentences of the one, two of the other.
// (With function words alone: 0.113 and 0.31.)
TEST(CountWordsTest, MixturesOfLatinLanguagesAreShared) {
  const auto sentences = Sentences();
  double error = 0, worst = 0;
  for (const auto& [a, as] : sentences) {
    for (const auto& [b, bs] : sentences) {
      if (a == b) continue;
      std::string text;
      WordVisitor visitor;
      int64_t words = 0, words_a = 0;
      visitor.word = [&](Script, const std::string&) { ++words; };
      visitor.sentence_end = [] {};
      // From both halves: every third sentence.
      for (int i = 0; i < 5; ++i) {
        VisitWords(as[i * 3 + 2], visitor);
        absl::StrAppend(&text, as[i * 3 + 2], " ");
      }
      words_a = words;
      for (int i = 0; i < 2; ++i) {
        VisitWords(bs[i * 9 + 4], visitor);
        absl::StrAppend(&text, bs[i * 9 + 4], "\n");
      }
      const WordShare share = CountWords(text, Target(a));
      EXPECT_GE(share.all, words * 0.8) << a << " with " << b;
      const double difference =
          std::abs(static_cast<double>(share.target) / share.all -
                   static_cast<double>(words_a) / words);
      error += difference / 42;
      worst = std::max(worst, difference);
    }
  }
  EXPECT_LT(error, 0.014);
  EXPECT_LT(worst, 0.101);
}

// Words of languages that are no target, and of none.
TEST(CountWordsTest, OtherLanguagesAndLettersAreNone) {
  for (const char* text : {
           "Xylo bracket.",
           "foo bar baz qux quux",
           "abc def ghi jkl mno pqr stu vwx",
           "Najpierw dodajemy dwie liczby i sprawdzamy wynik.",
           "Ensin laskemme luvut yhteen ja tarkistamme tuloksen.",
           "Pertama kita jumlahkan kedua bilangan itu lalu periksa hasilnya.",
       }) {
    EXPECT_EQ(CountWords(text, Target("en")).all, 0) << text;
  }
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
