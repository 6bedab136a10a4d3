#include "reward/language/language.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/language/language_rule.h"
#include "reward/language/latin.h"
#include "reward/language/latin_words.h"
#include "reward/language/words.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// The words of a text, "|" at the end of a sentence with words.
std::string Words(const std::string& text) {
  std::vector<std::string> words;
  WordVisitor visitor;
  visitor.word = [&](const Word& word) { words.push_back(word.letters); };
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
      {"see ```py\nfor it in xs:\n``` done", "see done |"},
      {"see ```py\nfor it in xs\n``` done", "see | for it in xs | done |"},
      {"see ```py\nfor it in xs:", "see |"},
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

TEST(CountWordsTest, ATextIsInOneLanguageWhicheverItIs) {
  EXPECT_EQ(IsInOneLanguage("7 and 3 make 10, 10 less 7 make 3, is it 11? no"),
            true);
  EXPECT_EQ(IsInOneLanguage("7加3得10, 10减7得3, 是11? 不"), true);
  EXPECT_EQ(IsInOneLanguage("семь и три будет десять"), true);
  EXPECT_EQ(IsInOneLanguage("7 and 3 make 10, 10减7得3, is it 11? no"), false);
  EXPECT_EQ(IsInOneLanguage("7 + 3 = 10"), std::nullopt);
  EXPECT_EQ(IsInOneLanguage(""), std::nullopt);
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
  // Good in two languages: the text says which, if it is one of them.
  const std::string both = "8 plus 3 is 11, 11 plus 12 is 23";
  EXPECT_EQ(Share("en", both), "4/4");
  EXPECT_EQ(Share("nl", both), "4/4");
  EXPECT_EQ(Share("de", both), "0/4");
  EXPECT_EQ(Share("en", absl::StrCat(kEnglish, " ", both)), "15/15");
  EXPECT_EQ(Share("nl", absl::StrCat(kEnglish, " ", both)), "0/15");
  EXPECT_EQ(Share("de", absl::StrCat(kGerman, " ", both)), "11/15");
}

// Letters beside digits are names in Latin script alone.
TEST(CountWordsTest, InflectedNumbersAreWords) {
  EXPECT_EQ(Share("ko",
                  "8 \xEB\x8D\x94\xED\x95\x98\xEA\xB8\xB0 "
                  "3\xEC\x9D\xB8\xEB\x8D\xB0"),
            "2/2");  // 8 더하기 3인데
  EXPECT_EQ(Share("en", "x1 and ab2 and 3rd"), "2/2");
}

// The sentences of a file beside this one, by language.
std::map<std::string, std::vector<std::string>> Sentences(
    const std::string& file) {
  const auto text =
      ReadFile(absl::StrCat(R1_SOURCE_DIR, "/tests/reward/", file));
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

// Of each sentence by itself: words of its language, and of how many others
// that can be a target it is taken for.
TEST(CountWordsTest, SentencesAreTheirLanguageAndNoOther) {
  const auto sentences = Sentences("language_sentences.tsv");
  ASSERT_EQ(sentences.size(), LatinWordTables().size());
  int others = 0;
  for (const auto& [code, texts] : sentences) {
    ASSERT_EQ(texts.size(), 20u) << code;
    int right = 0;
    for (const std::string& text : texts) {
      const WordShare own = CountWords(text, Target(code));
      right += own.all > 0 && own.target == own.all;
      for (const Language& other : Languages()) {
        if (other.code == code) continue;
        const WordShare share =
            CountWords(text, Target(std::string(other.code)));
        others += share.target > 0;
      }
    }
    EXPECT_GE(right, 19) << code;
  }
  EXPECT_LE(others, 4);
}

// Sentences that are good in both languages, or all but.
bool IsBoth(const std::string& text, absl::string_view a, absl::string_view b) {
  static const auto& both = *new std::map<std::string, std::string>{
      {"8 plus 3 is 11, 11 plus 12 is 23", "en nl"},
      {"Divide ambos lados entre 2.", "es pt"},
  };
  const auto it = both.find(text);
  return it != both.end() && absl::StrContains(it->second, a) &&
         absl::StrContains(it->second, b);
}

TEST(CountWordsTest, ShortSentencesAreTheirLanguageAndNoOther) {
  const auto sentences = Sentences("language_short_sentences.tsv");
  int targets = 0;
  for (const auto& [code, texts] : sentences) {
    for (const Language& language : Languages()) {
      const std::string target(language.code);
      const bool is_own = code == target;
      if (is_own) {
        ++targets;
        EXPECT_GE(texts.size(), 13u) << code;
      }
      for (const std::string& text : texts) {
        const WordShare share = CountWords(text, Target(target));
        if (is_own) {
          EXPECT_GT(share.all, 0) << text;
          EXPECT_EQ(share.target, share.all) << text;
        } else if (!IsBoth(text, code, target)) {
          EXPECT_EQ(share.target, 0) << target << ": " << text;
        }
      }
    }
  }
  EXPECT_EQ(targets, Languages().size());
}

// Every language with every other: five sentences of the one, two of the other.
// (With function words alone: 0.113 and 0.31.)
TEST(CountWordsTest, MixturesOfLatinLanguagesAreShared) {
  const auto sentences = Sentences("language_sentences.tsv");
  double error = 0, worst = 0;
  for (const auto& [a, as] : sentences) {
    for (const auto& [b, bs] : sentences) {
      if (a == b) continue;
      std::string text;
      WordVisitor visitor;
      int64_t words = 0, words_a = 0;
      visitor.word = [&](const Word&) { ++words; };
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
}

TEST(LanguageRuleTest, ShortEnglishIsEnglish) {
  for (const char* text : {"8 plus 3 is 11, 11 plus 12 is 23", "8 minus 3 is 5",
                           "so 7 times 6 is 42", "then 40 over 8 gives 5"}) {
    const std::string once = absl::StrCat("<think>", text, "</think>");
    EXPECT_EQ(Score(once, {{"min_words", "2"}}).value, 1) << text;
    std::string often = "<think>";
    for (int i = 0; i < 8; ++i) absl::StrAppend(&often, text, ".\n");
    EXPECT_EQ(Score(often, {}).value, 1) << text;
    for (const char* other : {"de", "fr", "es", "pt", "zh"}) {
      EXPECT_EQ(Score(often, {{"target", other}}).value, 0) << text << other;
    }
  }
}

// (words in the target + half of the missing) / min_words.
TEST(LanguageRuleTest, TooFewWordsAreNeutralOrAbstain) {
  const std::string few = "<think>so it is</think>";
  EXPECT_EQ(Score(few, {}).value, 0.65);
  EXPECT_EQ(Score(few, {{"target", "de"}}).value, 0.35);
  EXPECT_EQ(Score(few, {}).detail,
            "3 of 3 words are en, fewer than min_words = 10");
  EXPECT_EQ(Score(few, {{"min_words", "3"}}).value, 1);
  for (const char* none : {"", "<think>", "<think>$a+b=c$\n$$\\frac{a}{b}$$",
                           "<think>8 - 3 = 5", "<think>x = y + 2"}) {
    EXPECT_EQ(Score(none, {}).kind, REWARD_SCORE) << none;
    EXPECT_EQ(Score(none, {}).value, 0.5) << none;
    EXPECT_EQ(Score(none, {{"min_words", "1"}}).value, 0.5) << none;
    EXPECT_EQ(Score(none, {{"few", "abstain"}}).kind, REWARD_ABSTAIN) << none;
  }
  EXPECT_EQ(Score(few, {{"few", "abstain"}}).kind, REWARD_ABSTAIN);
  EXPECT_EQ(Score(few, {{"few", "none"}}).kind, REWARD_ERROR);
  EXPECT_EQ(Score("x", {{"target", "xx"}}).kind, REWARD_ERROR);
}

// Reasoning in another language is seen wherever it stands; formulas, programs
// and names are no words in any of these places.
TEST(LanguageRuleTest, NothingHidesInWhatIsSkipped) {
  const std::string german =
      "Zuerst addieren wir die beiden Zahlen und sehen was es ist";
  const std::vector<std::string> hidden = {
      absl::StrCat("```\n", german, "\n```"),
      "```text\nZuerst addieren wir.\nDas ergibt sieben.\nDann teilen wir "
      "durch zwei.\nAlso ist es richtig.\n```",
      absl::StrCat("$", german, "$"),
      absl::StrCat("$$\n", german, "\n$$"),
      absl::StrCat("`", german, "`"),
      absl::StrCat("\\[\\text{", german, "}\\]"),
      absl::StrCat("`", absl::StrReplaceAll(german, {{" ", "` `"}}), "`"),
      absl::StrCat("$", absl::StrReplaceAll(german, {{" ", "$ $"}}), "$"),
      absl::StrReplaceAll(german, {{" ", "_"}}),
      absl::StrReplaceAll(german, {{" ", "2 "}}),
      absl::StrCat("# ", german, "\n```python\nx = 1  # ", german, "\n```"),
      absl::StrCat("```\n", kChinese, "\n```"),
      absl::StrCat("$", kChinese, "$"),
      absl::StrCat("```\n", kRussian, " ", kRussian, "\n```"),
  };
  for (const std::string& text : hidden) {
    const RuleResult alone = Score(text, {{"min_words", "5"}});
    EXPECT_EQ(alone.value, 0) << text;
    const RuleResult both =
        Score(absl::StrCat(kEnglish, "\n", text), {{"min_words", "5"}});
    EXPECT_LT(both.value, 0.65) << text << both.detail;
  }
  for (const char* text :
       {"```python\nimport sys\nfor word in words:\n    if word not in seen:\n"
        "        seen.add(word)\nprint(len(seen))\n```",
        "```cpp\nint main() {\n  for (auto& x : xs) total += x;\n}\n```",
        "so $\\text{area} = \\frac{ab}{2}$ and `foo_bar` or `len(xs)`",
        "$$\\sin x \\text{ if } x > 0 \\text{ or } y$$ so it is"}) {
    const std::string chinese = absl::StrCat(kChinese, "\n", text);
    const WordShare share = CountWords(chinese, Target("zh"));
    EXPECT_EQ(share.target, 9) << text;
    EXPECT_LE(share.all, 12) << text;  // "so", "and", "or", "it", "is"
  }
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
    while (text.size() < (1 << 19)) text += unit;
    const absl::Time start = absl::Now();
    const RuleResult result = Score(text, {{"min_words", "1"}});
    // A second or so, sanitized and beside others; squared, many minutes.
    EXPECT_LT(absl::Now() - start, absl::Minutes(2)) << unit;
    EXPECT_NE(result.kind, REWARD_ERROR) << unit;
  }
}

}  // namespace
}  // namespace r1
