// No bit of a run depends on a library's version: the program calls no function
// of libm that may round in more than one way, and no reduction of Highway's,
// whose order is its version's. base/math.h and kernels/cpu/simd-inl.h have
// what there is instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "tests/base/sources.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Names = std::set<std::string, std::less<>>;

const Names& Libm() {
  static const auto* names = new Names{
      "exp",  "exp2", "exp10", "expm1", "log",    "log2",  "log10",  "log1p",
      "pow",  "sin",  "cos",   "tan",   "asin",   "acos",  "atan",   "atan2",
      "sinh", "cosh", "tanh",  "asinh", "acosh",  "atanh", "sincos", "erf",
      "erfc", "cbrt", "hypot", "gamma", "tgamma", "lgamma"};
  return *names;
}

const Names& Reductions() {
  static const auto* names = new Names{"SumOfLanes",
                                       "MinOfLanes",
                                       "MaxOfLanes",
                                       "ReduceSum",
                                       "ReduceMin",
                                       "ReduceMax",
                                       "SumsOf2",
                                       "SumsOf4",
                                       "ApproximateReciprocal",
                                       "ApproximateReciprocalSqrt"};
  return *names;
}

bool IsWord(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// The line without comments and without what its string literals hold.
std::string Code(absl::string_view line) {
  std::string code;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && absl::StartsWith(line.substr(i), "//")) break;
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
      continue;
    }
    // An apostrophe after a digit groups digits.
    const bool is_quote =
        c == '"' || (c == '\'' && (i == 0 || !IsWord(line[i - 1])));
    if (is_quote) quote = c;
    code.push_back(c);
  }
  return code;
}

// Names of such functions that the line calls.
std::vector<std::string> Findings(absl::string_view line) {
  std::vector<std::string> found;
  const std::string code = Code(line);
  for (size_t i = 0; i < code.size();) {
    if (!IsWord(code[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < code.size() && IsWord(code[end])) ++end;
    const absl::string_view word = absl::string_view(code).substr(i, end - i);
    const absl::string_view before = absl::string_view(code).substr(0, i);
    const bool is_call = end < code.size() && code[end] == '(';
    const bool is_std = absl::EndsWith(before, "std::");
    // Members and other namespaces' functions are not libm's.
    const bool is_other =
        !is_std &&
        (absl::EndsWith(before, ".") || absl::EndsWith(before, "->") ||
         (absl::EndsWith(before, "::") && before.size() > 2 &&
          IsWord(before[before.size() - 3])));
    absl::string_view root = word;  // sinf and sinl are sin
    if (!Libm().contains(root)) {
      if (!absl::ConsumeSuffix(&root, "f")) absl::ConsumeSuffix(&root, "l");
    }
    if ((Libm().contains(root) && (is_std || is_call) && !is_other) ||
        Reductions().contains(word)) {
      found.push_back(std::string(word));
    }
    i = end;
  }
  return found;
}

TEST(OwnMathTest, TheProgramCallsNoRoundingOfOthers) {
  int lines = 0;
  for (const char* room : {"base", "proto", "kernels", "model", "rollout",
                           "reward", "learner", "judge", "pipeline"}) {
    for (const std::string& path : SourcesOf(room)) {
      const auto text = ReadFile(absl::StrCat(R1_SOURCE_DIR, "/", path));
      ASSERT_TRUE(text.ok()) << text.status();
      int number = 0;
      for (absl::string_view line : absl::StrSplit(*text, '\n')) {
        ++lines;
        ++number;
        EXPECT_THAT(Findings(line), IsEmpty())
            << path << ":" << number
            << ": call base/math.h or kernels/cpu/simd-inl.h instead";
      }
    }
  }
  EXPECT_GT(lines, 10'000) << "sources not found in " << R1_SOURCE_DIR;
}

TEST(OwnMathTest, CallsAreFound) {
  EXPECT_THAT(Findings("y = std::exp(x);"), ElementsAre("exp"));
  EXPECT_THAT(Findings("y = pow(x, 2) + ::sinf(x);"),
              ElementsAre("pow", "sinf"));
  EXPECT_THAT(Findings("std::transform(a, b, c, std::log);"),
              ElementsAre("log"));
  EXPECT_THAT(Findings("y = 1'000 * cosl(x);"), ElementsAre("cosl"));
  EXPECT_THAT(Findings("hn::ReduceSum(d, v)"), ElementsAre("ReduceSum"));
}

TEST(OwnMathTest, OtherCallsAreNot) {
  EXPECT_THAT(Findings("y = std::sqrt(x) + std::floor(x);"), IsEmpty());
  EXPECT_THAT(Findings("y = Exp(x) + Log(x);  // exp(x)"), IsEmpty());
  EXPECT_THAT(Findings("text = \"exp(x)\";"), IsEmpty());
  EXPECT_THAT(Findings("log.Add(x); stats->log(x); logs::log(x);"), IsEmpty());
  EXPECT_THAT(Findings("int exp = 3;"), IsEmpty());
}

}  // namespace
}  // namespace r1
