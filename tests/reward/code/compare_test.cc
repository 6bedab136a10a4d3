#include "reward/code/compare.h"

#include <string>

#include "gtest/gtest.h"

namespace r1 {
namespace {

struct Row {
  const char* rule;
  const char* expected;
  const char* got;
  bool is_equal;
};

const Row kRows[] = {
    {"tokens", "1 2\n3\n", "1  2 3", true},
    {"tokens", "1 2\n", "1 2", true},
    {"tokens", "1 2", "1 2 \r\n\n", true},
    {"tokens", "1 2", "12", false},
    {"tokens", "1 2", "1", false},
    {"tokens", "1", "1 2", false},
    {"tokens", "1", "01", false},
    {"tokens", "1.0", "1", false},
    {"tokens", "Yes", "yes", false},
    {"tokens", "", "", true},
    {"tokens", "", "x", false},
    {"tokens", "x", "", false},
    {"exact", "a\n", "a\n", true},
    {"exact", "a\n", "a", false},
    {"exact", "a b", "a  b", false},
    {"lines", "a b\nc\n", "a b  \nc", true},
    {"lines", "a b\nc", "a b\r\nc\r\n\n", true},
    {"lines", "a b", "a  b", false},
    {"lines", "a\nb", "a b", false},
    {"lines", "a", " a", false},
    {"lines", "a\n\nb", "a\nb", false},
    {"floats", "1.0", "1", true},
    {"floats", "0.333333333", "0.3333334", true},
    {"floats", "0.5", "0.50001", false},
    {"floats", "1000000.0", "1000000.9", true},
    {"floats", "1e3", "1000", true},
    {"floats", "1e-9", "0", true},
    {"floats", "7", "7.0", true},
    {"floats", "2", "2.000000000", true},
    {"floats", "3", "2.9999999999", true},
    {"floats", "3", "2.999", false},
    {"floats", "0", "-0.0000000001", true},
    {"floats", "0", "0.001", false},
    {"floats", "100", "1e2", true},
    {"floats", "100", "1e3", false},
    {"floats", "1 2.5", "1.0 2.5", true},
    {"floats", "1 2.5", "1.1 2.5", false},
    {"floats", "1000000", "1000000.0", true},
    {"floats", "1000000", "1000001", false},
    {"floats", "2", "2.0.0", false},
    {"floats", "2", "2 0", false},
    {"floats", "7", "+007", true},
    {"floats", "0", "-0", true},
    {"floats", "123456789012345678901", "123456789012345678902", false},
    {"floats", "123456789012345678901", "123456789012345678901", true},
    {"floats", "1.5", "nan", false},
    {"floats", "1.5", "inf", false},
    {"floats", "nan", "nan", true},
    {"floats", "1.5", "1.5x", false},
    {"floats", "1.5", "0x1.8", false},
    {"floats", "1.5", "", false},
    {"floats", "x 1.5", "x 1.5000001", true},
    {"floats", "x 1.5", "y 1.5", false},
    {"case_insensitive", "YES\nNo", "yes no", true},
    {"case_insensitive", "YES", "yess", false},
    {"unordered_lines", "a b\nc", "c\na b\n", true},
    {"unordered_lines", "a b\nc", "c\nb a", false},
    {"unordered_lines", "a\na\nb", "a\nb\nb", false},
    {"unordered_tokens", "a b\nc", "c b\na", true},
    {"unordered_tokens", "a a", "a", false},
};

TEST(CompareTest, EveryRuleFollowsItsTable) {
  for (const Row& row : kRows) {
    const auto rule = ParseCompareRule(row.rule);
    ASSERT_TRUE(rule.ok()) << rule.status();
    EXPECT_EQ(OutputMatches(row.expected, row.got, *rule), row.is_equal)
        << row.rule << ": expected \"" << row.expected << "\", got \""
        << row.got << "\"";
  }
}

TEST(CompareTest, ToleranceIsTheCallers) {
  EXPECT_FALSE(OutputMatches("2.0", "2.02", CompareRule::kFloats));
  EXPECT_TRUE(OutputMatches("2.0", "2.02", CompareRule::kFloats, 0.05));
  EXPECT_TRUE(OutputMatches("100.0", "104.9", CompareRule::kFloats, 0.05));
  EXPECT_FALSE(OutputMatches("100.0", "105.1", CompareRule::kFloats, 0.05));
}

TEST(CompareTest, UnknownRulesAreNamed) {
  EXPECT_EQ(ParseCompareRule("token").status().message(),
            "\"token\" is no comparison: expected tokens, exact, lines, "
            "floats, case_insensitive, unordered_lines or unordered_tokens");
}

TEST(CompareTest, MegabytesAreComparedSoon) {
  std::string text;
  for (int i = 0; i < 1000000; ++i) text += "12345 ";
  for (const char* rule :
       {"tokens", "exact", "lines", "floats", "case_insensitive",
        "unordered_lines", "unordered_tokens"}) {
    EXPECT_TRUE(OutputMatches(text, text, *ParseCompareRule(rule)));
  }
}

}  // namespace
}  // namespace r1
