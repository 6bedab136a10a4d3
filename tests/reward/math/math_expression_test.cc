// Expressions, equations, inequalities.
#include "tests/reward/math/math_testing.h"

namespace r1 {
namespace {

TEST(MathExpressionTest, Polynomials) {
  ExpectCases({
      {"(x-1)(x+2)",
       {"x^2+x-2", "(x+2)(x-1)", "x(x+1)-2", "x^{2} + x - 2"},
       {"x^2-x-2", "(x-1)(x-2)", "0", "x", "(y-1)(y+2)", "x=1"}},
      {"\\frac{x+2}{7}",
       {"\\frac{x}{7}+\\frac{2}{7}", "(x+2)/7"},
       {"x+\\frac27", "\\frac{x}{7}+2"}},
      {"x+2n+1", {"2n+x+1"}, {"x+1", "x+2m+1"}},
      {"2 \\sin b \\cos a",
       {"2\\cos(a)\\sin(b)", "\\sin(a+b)-\\sin(a-b)"},
       {"2\\sin a\\cos b", "2\\sin(b\\cos a)"}},
      {"\\tan^2(y)+1", {"\\sec^2(y)", "\\frac{1}{\\cos^2 y}"}, {"\\sec(y)"}},
      {"30p \\sqrt{p}", {"30p^{3/2}", "30\\sqrt{p^3}"}, {"30p", "30p^2"}},
      {"\\frac{1}{3\\sqrt[3]{x}^2}",
       {"\\frac{1}{3x^{2/3}}", "\\frac13 x^{-2/3}"},
       {"\\frac{1}{3x^{3/2}}"}},
      {"\\frac{1}{\\sqrt{n}}", {"\\sqrt{\\frac{1}{n}}"}, {"\\frac1n"}},
      {"|x|", {"\\sqrt{x^2}"}, {"x", "-x"}},
      {"2^{n-1}",
       {"\\frac{2^n}{2}", "2^n \\cdot 2^{-1}"},
       {"2^{n+1}", "2^n-1"}},
      {"a_1+a_2", {"a_{2}+a_{1}"}, {"a_1", "a_1+a_3", "2a"}},
      {"\\frac{x^2}{2}+C",
       {"C+\\frac12x^2", "\\frac{x^2+1}{2}+C"},
       {"\\frac{x^2}{2}", "\\frac{x^3}{2}+C", "x^2 + C"}},
      {"-\\frac{\\cos 2x}{4}+C",
       {"\\frac{\\sin^2 x}{2}+C"},
       {"\\frac{\\sin x}{2}+C"}},
      {"f(4-x)", {"f(-x+4)"}, {"f(x-4)", "f(x)", "4-x"}},
      {"\\frac{2ab}{a^2+b^2}",
       {"\\frac{2}{\\frac{a}{b}+\\frac{b}{a}}"},
       {"\\frac{ab}{a^2+b^2}"}},
      {"xy", {"yx", "x \\cdot y", "x*y"}, {"x+y", "x_y"}},
      {"x^2", {"x*x", "x**2", "x\u00b2"}, {"2x", "x^3", "x_2"}},
      {"\\frac{1}{x-1}", {"\\frac{x+1}{x^2-1}"}, {"\\frac{1}{1-x}"}},
      {"e^{2x}", {"(e^x)^2", "\\exp(2x)", "e^x e^x"}, {"e^{x^2}", "2e^x"}},
      {"\\ln(ab)", {}, {"\\ln a \\ln b"}},
      {"F_n = \\sum_{k=0}^{n-1} F_k F_{n-k-1}",
       {"F_n = \\sum_{k=0}^{n-1} F_{n-k-1} F_k"},
       {"F_n = \\sum_{k=0}^{n-2} F_k F_{n-k-2}"}},
      {"\\sum_{k=1}^n k", {"\\sum_{k=1}^{n} k"}, {"\\sum_{k=1}^{n} k^2", "1"}},
  });
}

TEST(MathExpressionTest, NamesBeforeAValue) {
  ExpectCases({
      {"5",
       {"x=5", "x = 5", "x = 2+3 = 5", "x \\approx 5", "5=x", "2+3=5",
        "\\text{Area} = 5", "f(2)=5", "|AB|=5", "k=5."},
       {"x=6", "x", "5=6", "x=x", "x+1=x+1", "2x=5", "x>5", "x=5, y=6", "x^2=5",
        "x \\ne 5"}},
      {"x=5", {"5", "x = 5", "5 = x"}, {"y=5", "x=6", "2x=5", "x", "x \\le 5"}},
      {"y=2x+3",
       {"2x+3", "y = 3+2x", "2x-y+3=0", "y-3=2x"},
       {"2x", "y=2x", "x=2y+3", "2x+3=0"}},
      {"f(x)=x+1", {"x+1", "f(x)=1+x", "f(x) = x + 1"}, {"f(x)", "g(x)=x+1"}},
      {"(p,q)=(3,2)", {"(3,2)", "p=3, q=2", "(p, q) = (3, 2)"}, {"(2,3)", "3"}},
      {"|AB|=1", {"1"}, {"AB"}},
      {"\\frac{NO}{BO}=\\frac{1}{\\sqrt{6}}",
       {"\\frac{1}{\\sqrt{6}}"},
       {"\\sqrt{6}"}},
      {"S_{MBCN}:S=7:32", {"7:32"}, {"32:7"}},
      {"0.56 = 56\\%", {"0.56", "56\\%"}, {"0.57"}},
      {"\\frac{dy}{dx} = 2x", {"2x"}, {"x^2"}},
  });
}

TEST(MathExpressionTest, EquationsUpToAFactor) {
  ExpectCases({
      {"2x+4y-3=0",
       {"y=-\\frac{1}{2}x+\\frac{3}{4}", "4x+8y=6", "3=2x+4y"},
       {"2x+4y+3=0", "2x+4y-3", "0", "x+2y=3"}},
      {"x^2/4+y^2/3=1",
       {"x^2/16+y^2/12=1/4", "3x^2+4y^2=12"},
       {"x^2/3+y^2/4=1", "1"}},
      {"7 = 11a+c", {"11a+c=7"}, {"11a+c", "7"}},
      {"2x + z = 1", {"z = 1-2x"}, {"1", "2x+z"}},
      {"x=1", {"2x=2", "x-1=0"}, {"x^2=1", "x=-1"}},
      {"xy=1", {"y=\\frac{1}{x}"}, {"y=x"}},
      {"\\tan\\theta = 2\\theta", {"2\\theta=\\tan\\theta"}, {"2\\theta"}},
      {"y = \\sqrt{2}x", {"\\sqrt{2}y=2x"}, {"y=2x"}},
      {"a \\equiv 3 \\pmod 5",
       {"a\\equiv 3 \\pmod{5}"},
       {"a \\equiv 2 \\pmod 5", "3"}},
  });
}

TEST(MathExpressionTest, Inequalities) {
  ExpectCases({
      {"x < 1",
       {"-x > -1", "1 > x", "2x < 2", "x \\lt 1", "x \\in (-\\infty, 1)",
        "(-\\infty,1)"},
       {"x > -1", "x \\le 1", "x > 1", "1", "y < 1", "x", "x<2",
        "(-\\infty,1]"}},
      {"-2 \\le x \\le 7",
       {"[-2,7]", "x \\in [-2,7]", "7 \\ge x \\ge -2",
        "x\\ge -2 \\text{ and } x \\le 7"},
       {"(-2,7)", "-2 < x < 7", "[-2,8]", "-2 \\le x", "-2, 7"}},
      {"x \\ne 3",
       {"x != 3", "3 \\neq x", "(-\\infty,3)\\cup(3,\\infty)"},
       {"x=3", "3"}},
      {"x<-1 \\text{ or } x>3",
       {"(-\\infty,-1)\\cup(3,\\infty)", "x>3 \\text{ or } x<-1"},
       {"(-1,3)", "x<-1 \\text{ and } x>3"}},
      {"s^2 \\le 8r^2", {"8r^2 \\ge s^2"}, {"s^2 \\ge 8r^2", "s^2 < 8r^2"}},
      {"f(2) < f(1) < f(4)", {"f(4) > f(1) > f(2)"}, {"f(1) < f(2) < f(4)"}},
      {"1\\leq|z|\\leq \\frac{3}{2}",
       {"z \\in [-\\frac32,-1] \\cup [1,\\frac32]"},
       {"[1,\\frac32]"}},
  });
}

}  // namespace
}  // namespace r1
