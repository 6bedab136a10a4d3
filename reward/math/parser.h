// The recursive-descent parser behind ParseFormula, one file a level:
// parse_list.cc (lists, relations, sets), parse_sum.cc (sums, products,
// powers), parse_primary.cc (numbers, names, groups), parse_command.cc (\frac,
// \sin, matrices).
#ifndef R1_REWARD_MATH_PARSER_H_
#define R1_REWARD_MATH_PARSER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "reward/math/token.h"
#include "reward/math/tree.h"

namespace r1::math {

// Every function returns null after Fail(); the first failure is kept.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // The whole input, or null.
  NodePtr ParseAll();
  const absl::Status& status() const { return status_; }

 private:
  // parse_list.cc
  NodePtr List();
  NodePtr Element();
  NodePtr NamedSide();  // parse_left_side.cc; null: an ordinary operand
  NodePtr SetExpression();
  NodePtr Ratio();
  NodePtr Quantity();
  NodePtr Labelled(const std::string& label, NodePtr value);
  NodePtr Infix();
  NodePtr Modulus(NodePtr value);
  bool IsModulus(size_t ahead = 0) const;
  NodePtr WithUnit(NodePtr value);
  std::string Unit();
  std::string UnitPower();
  std::string Currency(size_t ahead = 0) const;
  void SkipQualifier();

  // parse_sum.cc
  NodePtr Sum();
  NodePtr Term();
  NodePtr SignedFactor();
  NodePtr Factor();
  NodePtr Power(NodePtr base);
  NodePtr Exponent();
  std::string Side();
  NodePtr MixedNumber(NodePtr whole);
  NodePtr ImplicitArgument();
  bool StartsFactor();
  bool StartsOperand();
  bool ClosesInterval() const;

  // parse_primary.cc
  NodePtr Primary();
  NodePtr Number();
  NodePtr Name();
  NodePtr Bracket();
  NodePtr Combinations();
  NodePtr Group();          // { ... }
  NodePtr MacroArgument();  // { ... } or one symbol
  NodePtr Set();
  NodePtr Between(absl::string_view close, absl::string_view function);
  std::string Subscript();
  std::string Marks();
  NodePtr Numeral(const Token& digits);
  int Base();

  // parse_command.cc
  NodePtr Command();
  NodePtr Function(const std::string& name);
  NodePtr BigOperator(const std::string& name);
  NodePtr Integrand();
  NodePtr Environment();
  NodePtr Matrix(absl::string_view close_environment, bool is_system);
  bool EnvironmentName(std::string* name);

  const Token& Peek(size_t ahead = 0) const;
  bool IsSymbol(absl::string_view text, size_t ahead = 0) const;
  bool IsCommand(absl::string_view text, size_t ahead = 0) const;
  bool Take(absl::string_view symbol);
  bool Expect(absl::string_view symbol);
  NodePtr Fail(absl::string_view expected);
  // Counts nested groups.
  class Depth;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  // What the group around here gives some symbols to mean.
  struct Context {
    int bars = 0;          // open | of absolute values
    bool in_rows = false;  // inside an environment, where & and \\ separate
    bool in_set = false;   // inside braces, where : may begin a condition
  };
  Context context_;
  absl::Status status_;
};

class Parser::Depth {
 public:
  explicit Depth(Parser* parser) : parser_(parser) { ++parser_->depth_; }
  ~Depth() { --parser_->depth_; }
  Depth(const Depth&) = delete;

 private:
  Parser* parser_;
};

}  // namespace r1::math

#endif  // R1_REWARD_MATH_PARSER_H_
