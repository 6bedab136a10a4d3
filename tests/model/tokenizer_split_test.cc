// Split patterns: translation from Oniguruma's syntax, and cutting.
#include "model/tokenizer_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/pre_tokenizer.h"
#include "model/split_pattern.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

using testing::ElementsAre;

std::vector<absl::string_view> Split(absl::string_view pattern,
                                     absl::string_view text) {
  const auto splitter = RegexSplitter::Create(pattern);
  EXPECT_TRUE(splitter.ok()) << splitter.status();
  RegexSplitter::Scratch scratch;
  std::vector<absl::string_view> pieces;
  splitter->Split(text, &scratch, &pieces);
  EXPECT_EQ(absl::StrJoin(pieces, ""), text);
  return pieces;
}

TEST(TranslateSplitPattern, RewritesWhatMeansSomethingElse) {
  const struct {
    const char* from;
    const char* to;
  } cases[] = {
      {"abc", "abc"},
      {R"(\s+(?!\S))", R"([\x09-\x0d\x{85}\p{Z}]+(?![^\x09-\x0d\x{85}\p{Z}]))"},
      {R"([^\s\p{L}])", R"([^\x09-\x0d\x{85}\p{Z}\p{L}])"},
      {R"(\p{Han}\P{Lu}\p{^N})", R"(\p{sc:Han}\P{Lu}\p{^N})"},
      {R"(\u4e00\x{FF}a{2}b{1,3}c{2,})", R"(\x{4e00}\x{FF}a{2}b{1,3}c{2,})"},
      {R"(\[\{\}\()", R"(\[\{\}\()"},
      {R"([{}&()])", R"([{}&()])"},
      {R"((?i:'s)|(?:a)|(?=b)|(?!c)|(?<=d)|(?<!e)|(?>f)|(g))",
       R"((?i:'s)|(?:a)|(?=b)|(?!c)|(?<=d)|(?<!e)|(?>f)|(g))"},
      {R"(a++b*+c?+\p{L}+)", R"(a++b*+c?+\p{L}+)"},
  };
  for (const auto& c : cases) {
    const auto translated = TranslateSplitPattern(c.from);
    ASSERT_TRUE(translated.ok()) << c.from << ": " << translated.status();
    EXPECT_EQ(*translated, c.to) << c.from;
  }
}

TEST(TranslateSplitPattern, RefusesWhatItCannotRewrite) {
  for (const char* pattern :
       {R"(\h)",    R"(\w+)",         R"(\W)",     R"(\b)",     R"(\R)",
        R"(\X)",    R"(\K)",          R"(\G)",     R"(\1)",     R"(\Qa\E)",
        R"(\v)",    R"([\S])",        R"([a[b]])", R"([a&&b])", R"([]a])",
        R"([^]a])", R"([[:alpha:]])", "(?i)a",     "(?m:a)",    "(?<n>a)",
        "(?P<n>a)", "(?R)",           "(?#c)",     "(*FAIL)",   "a{,3}",
        "a{1,3}+",  "a{2}?",          "a{x}",      R"(\u12g4)", R"(\N)",
        R"(\C)"}) {
    EXPECT_EQ(TranslateSplitPattern(pattern).status().code(),
              absl::StatusCode::kUnimplemented)
        << pattern;
  }
}

TEST(TranslateSplitPattern, RefusesUnfinishedPatterns) {
  for (const char* pattern : {"\\", "[a", R"([\])", R"(\p)", R"(\pL)",
                              R"(\p{L)", "a{1", R"(\u12)", R"(\x{12)"}) {
    EXPECT_EQ(TranslateSplitPattern(pattern).status().code(),
              absl::StatusCode::kInvalidArgument)
        << pattern;
  }
}

TEST(RegexSplitter, RefusesWhatDoesNotCompile) {
  for (const char* pattern :
       {"(", ")", "*a", "[b-a]", R"(\p{NoSuchScript})", "(?<=a+)b", "a**"}) {
    ExpectError(RegexSplitter::Create(pattern).status(), "split pattern",
                pattern);
  }
  ExpectError(RegexSplitter::Create("").status(), "has 0 bytes", "empty");
  ExpectError(RegexSplitter::Create(std::string(1 << 20, 'a')).status(),
              "has 1048576 bytes", "huge");
  ExpectError(RegexSplitter::Create(std::string(10'000, '(')).status(),
              "split pattern", "nested");
}

TEST(RegexSplitter, GivesMatchesAndWhatLiesBetween) {
  EXPECT_THAT(Split("b+", "abbcb"), ElementsAre("a", "bb", "c", "b"));
  EXPECT_THAT(Split("x", "abc"), ElementsAre("abc"));
  EXPECT_TRUE(Split("x", "").empty());
  EXPECT_THAT(Split("^a", "a\nab"), ElementsAre("a", "\n", "a", "b"));
}

TEST(RegexSplitter, AnEmptyMatchIsACut) {
  EXPECT_THAT(Split("x*", "axb"), ElementsAre("a", "x", "b"));
  EXPECT_THAT(Split("x*", "ü快"), ElementsAre("ü", "快"));
  EXPECT_THAT(Split("(?=b)", "aabb"), ElementsAre("aa", "b", "b"));
}

TEST(RegexSplitter, CharactersAreUnicode) {
  EXPECT_THAT(Split(R"(\p{Lu}\p{Ll}*)", "ÜberÄra"), ElementsAre("Über", "Ära"));
  EXPECT_THAT(Split(R"(\d+)", "a١٢b"), ElementsAre("a", "١٢", "b"));
  // U+180E is no white space in Unicode, but is to PCRE2.
  EXPECT_THAT(Split(R"(\s+)", "a\u180e\u2003b"),
              ElementsAre("a\u180e", "\u2003", "b"));
  // Caseless s has a third form, the long s.
  EXPECT_THAT(Split("(?i:'s)", "a'\u017fb"), ElementsAre("a", "'\u017f", "b"));
}

// The pattern needs exponential time: the rest becomes one piece.
TEST(RegexSplitter, AMatchThatTakesTooLongEndsTheSplit) {
  const std::string hard(200, 'a');
  EXPECT_THAT(Split("(?:a+)+$x|b", "b" + hard + "b"),
              ElementsAre("b", hard + "b"));
}

TEST(RegexSplitter, DeepMatchesNeedNoStack) {
  const std::string text(1 << 20, 'a');
  EXPECT_THAT(Split("(?:a|b)+c|(?:(?:a)|(?:ab))*", text),
              testing::Each(testing::Not("")));
}

TEST(PreTokenizer, InvalidBytesAreAPieceOfTheirOwn) {
  const auto splitter = PreTokenizer::FromJson(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}});
  ASSERT_TRUE(splitter.ok()) << splitter.status();
  RegexSplitter::Scratch scratch;
  std::vector<absl::string_view> pieces;
  splitter->Split("ab\xFF\xFE cd\xE5\xBF", &scratch, &pieces);
  EXPECT_THAT(pieces, ElementsAre("ab", "\xFF\xFE", " cd", "\xE5\xBF"));
}

TEST(PreTokenizer, StringsAndDigitsAreSplitters) {
  const auto splitter = PreTokenizer::FromJson(
      {{"type", "Sequence"},
       {"pretokenizers",
        {{{"type", "Split"},
          {"pattern", {{"String", "a.b"}}},
          {"behavior", "Isolated"}},
         {{"type", "Digits"}, {"individual_digits", false}},
         {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"use_regex", false}}}}});
  ASSERT_TRUE(splitter.ok()) << splitter.status();
  RegexSplitter::Scratch scratch;
  std::vector<absl::string_view> pieces;
  splitter->Split("xa.baxb12y", &scratch, &pieces);
  EXPECT_THAT(pieces, ElementsAre("x", "a.b", "axb", "12", "y"));
}

}  // namespace
}  // namespace r1
