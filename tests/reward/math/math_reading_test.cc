// What stands around a value: its name, its label, a constant, an ellipsis.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/reward/math/math_testing.h"

namespace r1 {
namespace {

TEST(MathReading, LeftSidesNameAValue) {
  for (const std::string name : {"P(X=2)",
                                 "P(A|B)",
                                 "P(A\\mid B)",
                                 "\\Pr(X)",
                                 "P(A\\cap B)",
                                 "P(X\\ge 2)",
                                 "E[X]",
                                 "E(X)",
                                 "\\mathbb{E}[X]",
                                 "Var(X)",
                                 "\\text{Var}(X)",
                                 "\\sigma^2",
                                 "|A|",
                                 "|AB|",
                                 "\\|v\\|",
                                 "x^*",
                                 "\\min f(x)",
                                 "\\max f(x)",
                                 "\\lim_{x\\to 0} f(x)",
                                 "\\lim_{n\\to\\infty} a_n",
                                 "\\sum_{k=1}^{3} a_k",
                                 "\\int_0^1 f(x)\\,dx",
                                 "n(A)",
                                 "a_5",
                                 "[ABC]",
                                 "\\tan\\theta",
                                 "f(g(2))",
                                 "f'(3)",
                                 "x_{\\max}",
                                 "\\text{Area}"}) {
    ExpectCases({{"7", {absl::StrCat(name, " = 7")}, {name + " = 8"}},
                 {name + " = 7", {"7"}, {"8", name + " = 8"}}});
  }
  for (const std::string name :
       {"f^{-1}(x)", "(f \\circ g)(x)", "\\frac{dy}{dx}", "\\frac{d^2y}{dx^2}",
        "\\frac{\\partial f}{\\partial x}", "\\frac{d}{dx}f(x)", "Y(x)",
        "f'(x)", "y''", "\\nabla f"}) {
    ExpectCases({{"2x+3", {absl::StrCat(name, " = 2x+3")}, {name + "=2x+4"}},
                 {name + " = 2x+3", {"2x+3"}, {"2x+4"}}});
  }
  ExpectCases({{"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
                {"A^{-1} = \\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}"},
                {"A^{-1} = \\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}"}}});
}

TEST(MathReading, EquationsAreNoNames) {
  ExpectCases(
      {{"7",
        {"x = 7"},
        {"x+1=7", "2x=7", "x^2=7", "|x|=7", "x(x+1)=7", "x \\ne 7",
         "\\text{no} = 7", "\\text{not}: 7", "\\text{wrong}: 7"}},
       {"\\tan\\theta = 2\\theta", {"2\\theta=\\tan\\theta"}, {"2\\theta"}}});
}

TEST(MathReading, ValuesGoByTheirLabels) {
  ExpectCases({
      {"12 apples and 7 pears",
       {"7 pears and 12 apples", "12, 7"},
       {"7 apples and 12 pears", "12 apples"}},
      {"5 boys and 3 girls", {"3 girls and 5 boys"}, {"3 boys and 5 girls"}},
      {"8 chickens, 14 rabbits",
       {"14 rabbits, 8 chickens", "8 \\text{ chickens}, 14 \\text{ rabbits}"},
       {"14 \\text{ chickens and } 8 \\text{ rabbits}"}},
      {"\\$5 for adults and \\$3 for children",
       {"\\$3 for children and \\$5 for adults"},
       {"\\$3 for adults and \\$5 for children"}},
      {"length: 8 cm, width: 5 cm",
       {"width: 5 cm, length: 8 cm"},
       {"length: 5 cm, width: 8 cm"}},
      {"Ana: 12, Bob: 15", {"Bob: 15, Ana: 12"}, {"Ana: 15, Bob: 12"}},
      {"3 red, 4 blue", {"4 blue, 3 red"}, {"4 red, 3 blue"}},
      {"\\text{width} = 5, \\text{length} = 8",
       {"\\text{length}=8,\\text{width}=5"},
       {"\\text{width} = 8, \\text{length} = 5"}},
      {"area: 20, perimeter: 18", {}, {"area: 18, perimeter: 20"}},
      {"6 cats and 9 dogs", {"9 dogs and 6 cats"}, {"9 cats and 6 dogs"}},
      {"4 cm, 7 kg", {"7 kg, 4 cm"}, {"7 cm, 4 kg"}},
  });
}

TEST(MathReading, OnlyTheConstantOfAnAntiderivativeIsFree) {
  ExpectCases({
      {"x^2+C", {"x^2+C+1", "x^2+c", "x^2+K", "x^2+C_1"}, {"x^2", "2x+C"}},
      {"\\sin^2 x + C", {"-\\cos^2 x+C"}, {"\\cos^2 x+C"}},
      {"\\ln|x|+C", {"\\ln|2x|+C"}, {"\\ln|x|"}},
      {"a+b+c", {"c+b+a"}, {"a+b+c+1"}},
      {"ax^2+bx+c", {"c+bx+ax^2"}, {"ax^2+bx+c+5"}},
      {"p+c", {"c+p"}, {"c+p+\\ln2"}},
  });
}

TEST(MathReading, RepeatingDecimals) {
  ExpectCases({
      {"\\frac13",
       {"0.\\dot{3}", "0.(3)", "0.333\\ldots", "0.333...", "0.333\u2026",
        "0.\\overline{3}"},
       {"0.(4)", "0.3", "0.344..."}},
      {"\\frac16", {"0.1\\dot{6}", "0.1(6)", "0.1666\\ldots"}, {"0.(16)"}},
      {"\\frac17", {"0.\\dot{1}4285\\dot{7}", "0.(142857)"}, {"0.(142856)"}},
      {"\\frac{41}{333}", {"0.(123)", "0.\\dot{1}2\\dot{3}"}, {"0.123"}},
      {"0.(3)", {"1/3"}, {"0.3"}},
      {"0.333\\ldots", {"1/3"}, {"0.333"}},
      {"1", {"0.\\dot{9}", "0.999..."}, {"0.999"}},
  });
}

TEST(MathReading, IntervalsWithOutwardBrackets) {
  ExpectCases({
      {"[1,4)", {"[1,4[", "1\\le x<4"}, {"[1,4]", "]1,4["}},
      {"]1,4]", {"(1,4]"}, {"[1,4]"}},
      {"]-\\infty,2[ \\cup ]3,4]", {"(-\\infty,2) \\cup (3,4]"}, {"(3,4]"}},
  });
}

TEST(MathReading, OtherWritingsOfTheSame) {
  ExpectCases({
      {"6:8", {"3:4"}, {"4:3", "6:9"}},
      {"2:3", {"4:6", "\\frac23", "\\frac46"}, {"3:2", "1.5"}},
      {"0.75", {"3:4"}, {"4:3"}},
      {"2:4:6", {"1:2:3"}, {"1:2:4"}},
      {"1:10", {}, {"2:20"}},  // times, perhaps
      {"4:30", {}, {"8:60", "2:15"}},
      {"3:0", {}, {"1:0"}},
      {"n=3", {"\\{3\\}"}, {"\\{4\\}", "\\{3,4\\}"}},
      {"(2,3)", {"2i+3j", "2\\mathbf{i}+3\\mathbf{j}"}, {"3i+2j", "2+3i"}},
      {"2\\hat{i}-\\hat{j}+4\\hat{k}", {"(2,-1,4)"}, {"(2,1,4)"}},
      {"\\binom{10}{3}",
       {"120", "{}_{10}C_3", "{}^{10}C_3", "C(10,3)", "10C3", "C_{10}^{3}"},
       {"720", "C(10,4)"}},
      {"(3,2)", {"C(3,2)", "P(3,2)"}, {"C(2,3)"}},
      {"f(x)=2x+1", {"f(t)=2t+1", "2x+1"}, {"f(x)=2t+1", "2t+1"}},
      {"A\\cup B\\cup C", {"C\\cup(A\\cup B)"}, {"A\\cap B\\cap C"}},
      {"\\max\\{a,b\\}",
       {"\\max(b,a)", "\\frac{a+b+|a-b|}{2}"},
       {"\\min\\{a,b\\}", "a"}},
      {"\\text{no solution}", {"none", "\\emptyset"}, {"0"}},
  });
}

TEST(MathReading, CapitalsAreANameOrAProduct) {
  ExpectCases({
      {"IR", {"I R", "R I"}, {"I", "I V", "VR"}},
      {"PV=nRT", {"P V = n R T", "nRT = PV"}, {"PV = nR", "P = nRT"}},
      {"PQR", {}, {"QPR", "RPQ"}},
      {"AB = 5", {"5"}, {"6"}},
  });
}

TEST(MathReading, FamiliesMayCallTheirNumberOtherwise) {
  ExpectCases({
      {"\\frac\\pi4+k\\pi, k\\in\\mathbb{Z}",
       {"\\frac{\\pi}{4}+n\\pi", "\\frac{5\\pi}{4}+n\\pi",
        "n\\pi - \\frac{3\\pi}{4}"},
       {"\\frac\\pi4+2n\\pi", "\\frac\\pi3+n\\pi", "\\frac\\pi4"}},
      {"30^\\circ + 360^\\circ n",
       {"390^\\circ + 360^\\circ k"},
       {"30^\\circ + 180^\\circ k"}},
      {"n^2\\pi", {}, {"k^2\\pi"}},
      {"2n+1", {}, {"2k+1"}},
  });
}

TEST(MathReading, DegreesOfPiAreNotPi) {
  ExpectCases({{"\\frac\\pi6", {"30^\\circ"}, {"\\frac\\pi6^\\circ"}},
               {"45^\\circ", {"45", "\\frac{\\pi}{4}"}, {"\\frac{\\pi}{6}"}}});
}

}  // namespace
}  // namespace r1
