#include "reward/countdown/expression.h"

#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/philox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseExpressionTest, EvaluatesExactly) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"7", "7"},
      {"0", "0"},
      {"3+5*7", "38"},
      {"(3+5)*7", "56"},
      {"20-5-3", "12"},
      {"20/5/2", "2"},
      {"20/5*2", "8"},
      {"2*3+4*5-6/3", "24"},
      {"1/3+1/6", "1/2"},
      {"8/(3-8/3)", "24"},
      {"(1-2)/(3-5)", "1/2"},
      {"-3+5", "2"},
      {"-3*5", "-15"},
      {"2*(-3+1)", "-4"},
      {"-(3-5)", "2"},
      {"((((9))))", "9"},
      {" 3\t+\n5 ", "8"},
      {"3\xC3\x97"
       "5",
       "15"},
      {"15\xC3\xB7"
       "5",
       "3"},
      {"15\xE2\x88\x92"
       "5",
       "10"},
      {"\xE2\x88\x92"
       "5+6",
       "1"},
      // 10^18 - 1 squared, and its square by way of a fraction.
      {"999999999999999999*999999999999999999",
       "999999999999999998000000000000000001"},
      {"1/999999999999999999/999999999999999999",
       "1/999999999999999998000000000000000001"},
      // Of any size.
      {"999999999999999999*999999999999999999*999999999999999989/"
       "999999999999999999/999999999999999999",
       "999999999999999989"},
      {"576460752303423488*576460752303423488*576460752303423488/7",
       "191561942608236107294793378393788647952342390272950272/7"},
      {"999999999999999999*999999999999999999/999999999999999999*"
       "999999999999999989/999999999999999989",
       "999999999999999999"},
  };
  for (const auto& [text, expected] : cases) {
    const auto expression = ParseExpression(text);
    ASSERT_TRUE(expression.ok()) << text << ": " << expression.status();
    EXPECT_EQ(expression->value.get_str(), expected) << text;
  }
}

TEST(ParseExpressionTest, ListsTheLiteralsInOrder) {
  const auto expression = ParseExpression("(86 - 32) * 14 + 0/86");
  ASSERT_TRUE(expression.ok());
  EXPECT_THAT(expression->numbers, ElementsAre(86, 32, 14, 0, 86));
}

TEST(ParseExpressionTest, RefusesWhatTheGrammarDoesNotHave) {
  for (const std::string text : {"",
                                 " ",
                                 "+",
                                 "3+",
                                 "*3",
                                 "3 5",
                                 "3(5)",
                                 "(3)(5)",
                                 "()",
                                 "(",
                                 ")",
                                 "(3",
                                 "3)",
                                 "3+(5",
                                 "+3",
                                 "3+-5",
                                 "3--5",
                                 "3*-5",
                                 "--3",
                                 "3**2",
                                 "3//2",
                                 "3^2",
                                 "3%2",
                                 "1.5",
                                 "1,000",
                                 "1e3",
                                 "0x10",
                                 "03",
                                 "00",
                                 "3_0",
                                 "x",
                                 "3+x",
                                 "sqrt(9)",
                                 "3=3",
                                 "3!",
                                 "[3]",
                                 "{3}",
                                 "3+5;",
                                 "__import__('os')",
                                 "1234567890123456789",
                                 "\\frac{1}{2}",
                                 "3\xC2\xB7"
                                 "5",
                                 "3\xC3",
                                 "\xEF\xBC\x93",
                                 "3+5 apples",
                                 "'3'"}) {
    const auto expression = ParseExpression(text);
    EXPECT_EQ(expression.status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_FALSE(ParseExpression(std::string("3+5\0", 4)).ok());
  EXPECT_FALSE(ParseExpression(std::string("3\0+5", 4)).ok());
}

TEST(ParseExpressionTest, MessagesNamePlaceAndFinding) {
  EXPECT_EQ(ParseExpression("3+").status().message(),
            "expected a number or \"(\" at byte 2, found the end");
  EXPECT_EQ(ParseExpression("3 5").status().message(),
            "expected an operator at byte 2, found \"5\"");
  EXPECT_EQ(ParseExpression("(3 x").status().message(),
            "expected an operator or \")\" at byte 3, found \"x\"");
  EXPECT_THAT(std::string(ParseExpression("1/(2-2)").status().message()),
              HasSubstr("division by zero"));
  EXPECT_THAT(std::string(ParseExpression("3+05").status().message()),
              HasSubstr("number \"05\" at byte 2"));
}

TEST(ParseExpressionTest, LimitsDepthAndLength) {
  const auto nested = [](int depth) {
    return std::string(depth, '(') + "7" + std::string(depth, ')');
  };
  EXPECT_TRUE(ParseExpression(nested(kMaxExpressionDepth)).ok());
  EXPECT_THAT(
      std::string(
          ParseExpression(nested(kMaxExpressionDepth + 1)).status().message()),
      HasSubstr("32 nested parentheses"));
  std::string longest = "7";
  while (longest.size() + 2 <= kMaxExpressionBytes) longest += "-7";
  longest.append(kMaxExpressionBytes - longest.size(), ' ');
  EXPECT_TRUE(ParseExpression(longest).ok());
  EXPECT_FALSE(ParseExpression(longest + " ").ok());
}

// A random tree, printed without needless parentheses and evaluated on its own
// by plain fractions: numbers below 10 and at most 8 leaves keep them small.
struct Tree {
  int64_t leaf = 0;
  char op = 0;  // 0 = leaf
  std::unique_ptr<Tree> left, right;
};

std::unique_ptr<Tree> RandomTree(int leaves, RandomSequence* random) {
  auto tree = std::make_unique<Tree>();
  if (leaves == 1) {
    tree->leaf = random->NextBelow(10);
    return tree;
  }
  const int left = 1 + static_cast<int>(random->NextBelow(leaves - 1));
  tree->op = "+-*/"[random->NextBelow(4)];
  tree->left = RandomTree(left, random);
  tree->right = RandomTree(leaves - left, random);
  return tree;
}

int Precedence(const Tree& tree) {
  return tree.op == 0 ? 3 : tree.op == '*' || tree.op == '/' ? 2 : 1;
}

std::string Print(const Tree& tree) {
  if (tree.op == 0) return absl::StrCat(tree.leaf);
  std::string left = Print(*tree.left), right = Print(*tree.right);
  const int own = Precedence(tree);
  if (Precedence(*tree.left) < own) left = absl::StrCat("(", left, ")");
  const bool is_left_only = tree.op == '-' || tree.op == '/';
  if (Precedence(*tree.right) < own ||
      (Precedence(*tree.right) == own && is_left_only)) {
    right = absl::StrCat("(", right, ")");
  }
  return absl::StrCat(left, std::string(1, tree.op), right);
}

struct Fraction {
  int64_t n, d;
};

std::optional<Fraction> Evaluate(const Tree& tree) {
  if (tree.op == 0) return Fraction{tree.leaf, 1};
  const auto a = Evaluate(*tree.left), b = Evaluate(*tree.right);
  if (!a || !b || (tree.op == '/' && b->n == 0)) return std::nullopt;
  Fraction f{0, 1};
  if (tree.op == '+') f = {a->n * b->d + b->n * a->d, a->d * b->d};
  if (tree.op == '-') f = {a->n * b->d - b->n * a->d, a->d * b->d};
  if (tree.op == '*') f = {a->n * b->n, a->d * b->d};
  if (tree.op == '/') f = {a->n * b->d, a->d * b->n};
  const int64_t g = std::gcd(f.n, f.d) * (f.d < 0 ? -1 : 1);
  return Fraction{f.n / g, f.d / g};
}

TEST(ParseExpressionTest, AgreesWithTreesEvaluatedDirectly) {
  RandomSequence random(1, RandomStream::kData, 0, 0);
  int num_divided_by_zero = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto tree = RandomTree(1 + i % 8, &random);
    const std::string text = Print(*tree);
    const auto expected = Evaluate(*tree);
    const auto got = ParseExpression(text);
    if (!expected) {
      ++num_divided_by_zero;
      EXPECT_FALSE(got.ok()) << text;
      continue;
    }
    ASSERT_TRUE(got.ok()) << text << ": " << got.status();
    const std::string value = expected->d == 1
                                  ? absl::StrCat(expected->n)
                                  : absl::StrCat(expected->n, "/", expected->d);
    EXPECT_EQ(got->value.get_str(), value) << text;
  }
  EXPECT_GT(num_divided_by_zero, 100);
}

}  // namespace
}  // namespace r1
