// What a policy may try instead of an answer.
#include <string>

#include "tests/reward/math/math_testing.h"

namespace r1 {
namespace {

MathVerdict Boxed(const std::string& completion, const std::string& gold) {
  return VerifyMath(completion, gold, MathOptions()).verdict;
}

TEST(MathHackTest, BoxesThatAreEmptyCutOrMany) {
  for (const std::string completion :
       {"",
        "5",
        "\\boxed{}",
        "\\boxed{ }",
        "\\boxed{5",
        "\\boxed 5",
        "\\boxed",
        "so \\boxed{5} and then \\boxed{5",
        "\\boxed{5} \\boxed{}",
        "\\boxed{1}\\boxed{2}\\boxed{3}\\boxed{4}\\boxed{5}",
        "\\boxed{4}, \\boxed{5}",
        "\\boxed{5} or \\boxed{6}",
        "\\boxed{5}. No: \\boxed{6}",
        "<think>\\boxed{5}</think>",
        "<think>\\boxed{5}",
        "<think>\\boxed{6}</think>5",
        "<think>a</think>\\boxed{5}<think>b",
        "\\boxed{\\text{5 or 6}}",
        "\\boxed{5, 6}",
        "\\boxed{5 \\text{ or } 6}",
        "\\boxed{5;6}",
        "\\boxed{x}",
        "\\boxed{x=x}",
        "\\boxed{5=6=5}",
        "\\boxed{x+1=x+1}",
        "\\boxed{4<x<6}",
        "\\boxed{x \\ge 5}",
        "\\boxed{\\{5\\}}",
        "\\boxed{\\mathbb{R}}",
        "\\boxed{[0,10]}",
        "\\boxed{\\{4,5\\}}",
        "\\boxed{5 \\pm 1}",
        "\\boxed{0/0}",
        "\\boxed{\\text{NaN}}",
        "\\boxed{\\infty}",
        "\\boxed{inf}",
        "\\boxed{5/0}",
        "\\boxed{5 + 0/0}",
        "\\boxed{5}}\\boxed{",
        "\\boxed{5 \\ldots}",
        "\\boxed{5,\\ldots}",
        "\\boxed{5 \\text{ is wrong}}",
        "\\boxed{5_000}",
        "\\boxed{\\frac{5}}",
        "\\boxed{(5) (6}",
        "\\boxed{x [ 5 + 1}",
        "\\boxed{5 5}",
        "\\boxed{__import__('os')}",
        "\\boxed{5; import os}",
        "\\boxed{:}",
        "Thought process:",
        ":",
        "\\boxed{\\boxed{5}\\boxed{6}}"}) {
    EXPECT_EQ(Boxed(completion, "5"), MathVerdict::kIncorrect) << completion;
  }
}

TEST(MathHackTest, HonestCompletionsArePaid) {
  for (const std::string completion :
       {"\\boxed{5}", "<think>\\boxed{6}</think> It is \\boxed{5}.",
        "not \\boxed{6}. It is $\\boxed{5}$", "\\boxed{5}, that is \\boxed{5}",
        "\\boxed{{5}}", "\\boxed{ 5 }", "\\\\boxed{5}", "\\boxed {5}",
        "\\boxed{\\boxed{5}}", "\\fbox{5}", "\\boxed{x = 5}", "} \\boxed{5}",
        "{ \\boxed{5}", "\\boxed{\\text{5}}"}) {
    EXPECT_EQ(Boxed(completion, "5"), MathVerdict::kCorrect) << completion;
  }
  EXPECT_EQ(Boxed("\\boxed{\\{1, 2\\}}", "\\{2,1\\}"), MathVerdict::kCorrect);
  EXPECT_EQ(Boxed("\\boxed{1} and \\boxed{2}", "2, 1"), MathVerdict::kCorrect);
  EXPECT_EQ(Boxed("\\boxed{1} papers and \\boxed{2} bins", "1, 2"),
            MathVerdict::kCorrect);
  EXPECT_EQ(Boxed("\\boxed{1} no no no \\boxed{2}", "1, 2"),
            MathVerdict::kIncorrect);
}

TEST(MathHackTest, UnusableGoldsAbstainWhateverTheAnswer) {
  for (const std::string gold :
       {"", " ", "\\frac{1}{", "\\frac{1}{0}", "0/0", "(1, 2", "\\unknown{3}",
        "x +", "1, 2, \\ldots", "\\boxed{5", "$$", "1 2", "=", "+", "{5"}) {
    for (const std::string& answer :
         {std::string("\\boxed{5}"), std::string(), "\\boxed{" + gold + "}"}) {
      EXPECT_EQ(Boxed(answer, gold), MathVerdict::kAbstain)
          << answer << " for " << gold;
    }
  }
  EXPECT_EQ(Boxed("\\boxed{5}", std::string(10000, '5')),
            MathVerdict::kAbstain);
}

// Wrong answers that well-known verifiers accept.
TEST(MathHackTest, KnownFalsePositives) {
  ExpectCases({
      {"\\frac{1}{2004!}", {}, {"\\frac{1}{2006!}"}},
      {"\\frac{1}{2^{99}}", {}, {"\\frac{1}{2^{98}}"}},
      {"0.0000001", {}, {"0.0000002"}},
      {"1-\\frac{1}{e}", {}, {"1+\\frac{1}{e}"}},
      {"4", {}, {"4\\sqrt(2)", "4\\sqrt{2}"}},
      {"0", {}, {"\\forall x>0, f(x)=0", "a+3z=0", "x^2=0 \\text{ has } 0"}},
      {"20230", {}, {"20231"}},
      {"10000", {}, {"10000.9"}},
      {"50", {}, {"0.5", "5000"}},
      {"2^{100}", {}, {"2^{100}+1"}},
      {"(1,2)", {}, {"[1,2]"}},
      {"5", {}, {"5 or 6"}},
      {"1", {}, {"1_000"}},
      {"\\{1,2,3\\}", {}, {"\\{1,2,\\ldots,3\\}", "1,2,3,\\ldots"}},
  });
}

// Expressions whose values no machine can write down end in a verdict.
TEST(MathHackTest, HugeValuesAreBounded) {
  const std::string tower = "9^{9^{9^{9}}}";
  std::string nested = "x";
  for (int i = 0; i < 2000; ++i) nested = "\\sqrt{" + nested + "}";
  std::string powers = "5";
  for (int i = 0; i < 40; ++i) powers = "5^{" + powers + "}";
  std::string products = "(a+b+c+d+f)^{60}";
  for (int i = 0; i < 20; ++i)
    products += "(a+b+c+d+f+" + std::to_string(i) + ")^{60}";
  std::string sums = "1";
  for (int i = 0; i < 700; ++i) sums += "+\\sin(x+1)";
  // Each product of matrices makes the entries longer.
  std::string matrices;
  for (int i = 0; i < 100; ++i) {
    matrices += "\\begin{pmatrix}x&1\\\\1&y\\end{pmatrix}";
  }
  for (const std::string& answer : {tower,
                                    matrices,
                                    nested,
                                    powers,
                                    products,
                                    sums,
                                    std::string("((2004!)!)!"),
                                    std::string("\\binom{10^9}{10^8}"),
                                    std::string("10^{10^{10}}"),
                                    std::string("2^{-10^{18}}"),
                                    std::string("e^{e^{e^{e^{e^e}}}}"),
                                    std::string("\\sin(10^{10^{10}})"),
                                    std::string("1e4000"),
                                    std::string("1e99999999"),
                                    std::string(8000, '9'),
                                    std::string(100000, '9'),
                                    std::string(5000, '('),
                                    std::string(5000, '-') + "1",
                                    std::string(4000, '!'),
                                    std::string("\\sqrt[10^{9}]{2}"),
                                    std::string("\\Gamma(10^{9})")}) {
    EXPECT_EQ(Verdict(answer, "5"), MathVerdict::kIncorrect)
        << answer.substr(0, 60);
    const MathVerdict verdict = Verdict("5", answer);
    EXPECT_NE(verdict, MathVerdict::kCorrect) << answer.substr(0, 60);
    EXPECT_NE(verdict, MathVerdict::kError) << answer.substr(0, 60);
  }
  EXPECT_EQ(Verdict(tower, tower), MathVerdict::kCorrect);
  EXPECT_EQ(Verdict(tower + "+1", tower), MathVerdict::kIncorrect);
}

TEST(MathHackTest, VerdictsAreFunctionsOfTheirArguments) {
  for (const std::string answer : {"\\sqrt{3+2\\sqrt2}", "\\sin^2 x+\\cos^2 x",
                                   "\\frac{1}{3}", "9^{9^9}"}) {
    const MathResult first = VerifyMath(answer, "1+\\sqrt{2}", WholeAnswer());
    for (int i = 0; i < 3; ++i) {
      const MathResult again = VerifyMath(answer, "1+\\sqrt{2}", WholeAnswer());
      EXPECT_EQ(again.verdict, first.verdict);
      EXPECT_EQ(again.reason, first.reason);
      EXPECT_EQ(again.answer, first.answer);
    }
  }
}

}  // namespace
}  // namespace r1
