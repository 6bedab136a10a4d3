// Expressions that are compared at points: what separates them and what must
// not. Right and wrong answers are identities and their near misses.
#include <gtest/gtest.h>

#include "tests/reward/math/math_testing.h"

namespace r1 {
namespace {

TEST(MathSampling, StepsAreComparedAtWholeNumbers) {
  ExpectCases({
      {"\\lfloor\\frac{n^2}{12}\\rfloor",
       {"\\left\\lfloor n^2/12\\right\\rfloor"},
       {"0", "\\lfloor\\frac{n^2}{13}\\rfloor",
        "\\lfloor\\frac{n^2+3}{12}\\rfloor"}},
      {"\\lfloor n/4\\rfloor",
       {"\\lceil (n-3)/4\\rceil"},
       {"\\lfloor n/100\\rfloor", "\\lceil n/4\\rceil",
        "\\lfloor (n+1)/4\\rfloor"}},
      {"\\lceil n/2\\rceil",
       {"\\lfloor (n+1)/2\\rfloor", "n-\\lfloor n/2\\rfloor"},
       {"\\lceil n/7\\rceil", "\\lfloor n/2\\rfloor"}},
      {"\\lfloor n^2/4\\rfloor",
       {"\\lfloor n/2\\rfloor\\lceil n/2\\rceil"},
       {"\\lfloor n/2\\rfloor^2"}},
      {"\\lfloor\\sqrt n\\rfloor", {}, {"\\lfloor\\sqrt[3]n\\rfloor", "1"}},
      {"2^{\\lfloor n/4\\rfloor}", {}, {"2^{\\lfloor n/9\\rfloor}"}},
      {"n-\\lfloor n/5\\rfloor", {}, {"n-\\lfloor n/6\\rfloor"}},
      {"\\lfloor x\\rfloor",
       {"-\\lceil -x\\rceil"},
       {"x", "x-1", "\\lceil x\\rceil", "\\lceil x\\rceil-1"}},
      {"\\lfloor\\log_2 n\\rfloor+1",
       {"1+\\lfloor\\frac{\\ln n}{\\ln 2}\\rfloor"},
       {"\\lfloor\\log_3 n\\rfloor+1", "2"}},
  });
}

TEST(MathSampling, PointsLieOnBothSidesOfACorner) {
  ExpectCases({
      {"|x-5|", {"|5-x|", "\\sqrt{(x-5)^2}"}, {"5-x", "x-5"}},
      {"\\sqrt{x^2-14x+49}", {"|x-7|"}, {"7-x", "x-7"}},
      {"\\frac{|x-4|}{x-4}", {}, {"-1", "1"}},
      {"|x-20|+|x+20|", {"|x+20|+|20-x|"}, {"40", "2x", "-2x"}},
      {"\\max(x,10)", {"\\frac{x+10+|x-10|}{2}", "\\max(10,x)"}, {"10", "x"}},
      {"x+\\sin(\\pi x)", {}, {"x"}},
  });
}

TEST(MathSampling, SignsAlternate) {
  ExpectCases({
      {"(-1)^n",
       {"\\cos(n\\pi)", "(-1)^{-n}", "(-1)^{n+2}"},
       {"(-1)^{n+1}", "1", "-1", "\\cos(2n\\pi)"}},
      {"\\frac{1+(-1)^n}{2}",
       {"\\cos^2(\\frac{n\\pi}{2})"},
       {"1", "0", "\\frac{1-(-1)^n}{2}"}},
      {"n\\bmod 2", {"\\frac{1-(-1)^n}{2}"}, {"n", "1", "0"}},
  });
}

TEST(MathSampling, FactorialsAndBinomialsOfLetters) {
  ExpectCases({
      {"\\binom nk",
       {"\\frac{n!}{k!(n-k)!}", "\\binom{n}{n-k}",
        "\\binom{n-1}{k}+\\binom{n-1}{k-1}"},
       {"\\binom n{k+1}", "\\frac{n!}{k!}", "\\binom{n-1}{k}"}},
      {"\\frac{1}{n+1}\\binom{2n}{n}",
       {"\\binom{2n}{n}-\\binom{2n}{n+1}", "\\frac{(2n)!}{n!(n+1)!}"},
       {"\\binom{2n}{n}"}},
      {"\\binom{2n}n", {"\\frac{(2n)!}{n!^2}"}, {"\\frac{(2n)!}{2n!}", "4^n"}},
      {"(2n-1)!!",
       {"\\frac{(2n)!}{2^n n!}"},
       {"(2n-1)!", "\\frac{(2n)!}{2^n}"}},
      {"n!", {"n(n-1)!"}, {"(n-1)!", "n^n"}},
      {"15", {"5!!"}, {"(5!)!"}},
      {"720", {"(3!)!"}, {"3!!"}},
  });
}

TEST(MathSampling, LargeNumbersAgreeToTheLastUnit) {
  ExpectCases({
      {"2^{100000}+1", {"1+2^{100000}"}, {"2^{100000}", "2^{100000}+2"}},
      {"10^{100}+\\sqrt2",
       {"\\sqrt2+10^{100}"},
       {"10^{100}+\\sqrt3", "10^{100}"}},
      {"10000!+1", {"1+10000!"}, {"10000!", "10000!+2"}},
      {"e^{1000}", {"\\exp(1000)"}, {"e^{1000}+1", "e^{999}"}},
  });
}

TEST(MathSampling, Congruences) {
  ExpectCases({
      {"x\\equiv 3\\pmod 7",
       {"3\\pmod 7", "x\\equiv 10\\pmod 7", "x\\equiv -4\\pmod{7}",
        "x \\equiv 3 \\bmod 7", "x \\equiv 3 (\\text{mod } 7)"},
       {"4\\pmod 7", "3\\pmod 5", "x\\equiv 3\\pmod{14}",
        "y\\equiv 3\\pmod 7"}},
      {"2", {"17 \\bmod 5", "17 mod 5"}, {"18 \\bmod 5"}},
      {"17\\bmod 5", {"2"}, {"3"}},
  });
}

}  // namespace
}  // namespace r1
