// Sums, products, powers and what is written after a value.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/math/parser.h"
#include "reward/math/symbols.h"

namespace r1::math {
namespace {

// \left\{ a + b \right\} beside an operator of numbers only groups.
NodePtr Grouped(const NodePtr& node) {
  const bool is_group = node->kind == Kind::kSet && node->args.size() == 1 &&
                        (node->args[0]->kind == Kind::kSum ||
                         node->args[0]->kind == Kind::kSymbol);
  return is_group ? node->args[0] : node;
}

}  // namespace

NodePtr Parser::Sum() {
  const Depth depth(this);
  if (depth_ > 4 * 60) return Fail("less nesting");
  NodePtr total;
  const auto add = [&total](NodePtr term) {
    if (total == nullptr) {
      total = std::move(term);
    } else if (total->kind == Kind::kSum) {
      auto sum = std::make_shared<Node>(*total);
      sum->args.push_back(std::move(term));
      total = std::move(sum);
    } else {
      total = MakeNode(Kind::kSum, {total, std::move(term)});
    }
  };
  for (bool is_first = true;; is_first = false) {
    const bool is_slashed =
        IsSymbol("+") && IsSymbol("/", 1) && IsSymbol("-", 2);
    const bool is_joined =
        is_first && IsSymbol("+") && IsSymbol("-", 1) && !Peek(1).space_before;
    const bool is_plus_first = Take("+-") || is_slashed || is_joined;
    if (is_plus_first || Take("-+")) {
      at_ += is_slashed ? 3 : is_joined ? 2 : 0;
      std::vector<NodePtr> args;
      if (total != nullptr) args.push_back(total);
      args.push_back(Term());
      total = MakeNode(Kind::kPlusMinus, args, is_plus_first ? "+-" : "-+");
      if (total == nullptr) return nullptr;
      continue;
    }
    bool is_negative = false;
    if (Take("-")) {
      is_negative = true;
    } else if (!Take("+") && !is_first) {
      return total;
    }
    NodePtr term = Term();
    if (term == nullptr) return nullptr;
    add(is_negative ? MakeNode(Kind::kNegate, {term}) : term);
  }
}

NodePtr Parser::Term() {
  NodePtr product = SignedFactor();
  if (product == nullptr) return nullptr;
  product = MixedNumber(std::move(product));
  while (product != nullptr) {
    const bool is_text = product->kind == Kind::kText;
    if (Take("*")) {
      product = MakeNode(Kind::kProduct, {product, SignedFactor()});
    } else if (Take("/")) {
      product = MakeNode(Kind::kDivide, {product, SignedFactor()});
    } else if (!is_text && StartsOperand()) {
      // 2 3 is no product: a mark is missing; but 2^6 3^5 is one.
      if (Peek().kind == TokenKind::kNumber &&
          tokens_[at_ - 1].kind == TokenKind::kNumber &&
          !(at_ > 1 && tokens_[at_ - 2].text == "^" && IsSymbol("^", 1))) {
        return Fail("an operator");
      }
      NodePtr factor = Factor();
      if (factor == nullptr) return nullptr;
      if (factor->kind == Kind::kText) return Fail("an operator");
      // 5 \frac{\text{m}}{\text{s}}
      if (factor->kind == Kind::kDivide &&
          factor->args[0]->kind == Kind::kText &&
          factor->args[1]->kind == Kind::kText) {
        return MakeNode(
            Kind::kQuantity, {product},
            absl::StrCat(factor->args[0]->name, "/", factor->args[1]->name));
      }
      product = MakeNode(Kind::kProduct, {Grouped(product), Grouped(factor)});
    } else {
      return product;
    }
  }
  return nullptr;
}

// 1\frac12 and 1 1/2, with a whole number and a proper fraction.
NodePtr Parser::MixedNumber(NodePtr whole) {
  if (whole->kind != Kind::kNumber || whole->decimals >= 0 ||
      tokens_[at_ - 1].kind != TokenKind::kNumber ||
      whole->value.get_den() != 1) {
    return whole;
  }
  const size_t before = at_;
  NodePtr fraction;
  if (IsCommand("frac")) {
    fraction = Primary();
  } else if (Peek().kind == TokenKind::kNumber && Peek().space_before &&
             IsSymbol("/", 1) && Peek(2).kind == TokenKind::kNumber) {
    NodePtr top = Number();
    ++at_;
    NodePtr bottom = Number();
    if (top != nullptr && bottom != nullptr) {
      fraction = MakeNode(Kind::kDivide, {top, bottom});
    }
  } else {
    return whole;
  }
  if (fraction == nullptr) return nullptr;
  const auto is_integer = [](const NodePtr& node) {
    return node->kind == Kind::kNumber && node->decimals < 0 &&
           node->value.get_den() == 1;
  };
  const bool is_proper = fraction->kind == Kind::kDivide &&
                         is_integer(fraction->args[0]) &&
                         is_integer(fraction->args[1]) &&
                         fraction->args[0]->value < fraction->args[1]->value &&
                         whole->value > 0 && !IsSymbol("^");
  if (is_proper) return Power(MakeNode(Kind::kSum, {whole, fraction}));
  at_ = before;  // a product, or an error that Term() names
  return whole;
}

bool Parser::StartsFactor() {
  const Token& token = Peek();
  switch (token.kind) {
    case TokenKind::kNumber:
    case TokenKind::kName:
      return true;
    case TokenKind::kCommand:
      return token.text != "end" && token.text != "rfloor" &&
             token.text != "rceil" && token.text != "bmod" &&
             token.text != "mod" && token.text != "pmod" &&
             token.text != "over" && token.text != "choose";
    case TokenKind::kSymbol:
      return token.text == "(" || token.text == "[" || token.text == "{" ||
             token.text == "\\{" || token.text == "<|" ||
             (token.text == "|" && context_.bars == 0);
    default:
      return false;
  }
}

// Whether an implied product goes on here.
bool Parser::StartsOperand() {
  // (0,1)U(1,2) and 5[3] are no products.
  if (IsSymbol("\\{") || ClosesInterval()) return false;
  // x = k \pi (k \in \mathbb{Z})
  if (IsSymbol("(") && Peek(1).kind == TokenKind::kName && IsSymbol("in", 2)) {
    return false;
  }
  if (IsSymbol("(") && IsModulus(1)) return false;
  if (Peek().text == "U" && (IsSymbol("(", 1) || IsSymbol("[", 1)) && at_ > 0 &&
      (tokens_[at_ - 1].text == ")" || tokens_[at_ - 1].text == "]")) {
    return false;
  }
  return StartsFactor();
}

NodePtr Parser::SignedFactor() {
  const Depth depth(this);
  if (depth_ > 4 * 60) return Fail("less nesting");
  if (Take("-")) return MakeNode(Kind::kNegate, {SignedFactor()});
  if (Take("+")) return SignedFactor();
  return Factor();
}

NodePtr Parser::Factor() {
  NodePtr base = Primary();
  if (base == nullptr) return nullptr;
  return Power(std::move(base));
}

NodePtr Parser::Power(NodePtr base) {
  for (;;) {
    if (base->kind == Kind::kText) return base;
    if (Take("^")) {
      const std::string side = Side();  // x \to 3^+
      if (!side.empty()) {
        base = MakeNode(Kind::kCall, {base}, side);
        continue;
      }
      base = MakeNode(Kind::kPower, {base, Exponent()});
      if (base == nullptr) return nullptr;
    } else if (Take("!")) {
      // n!! is the product of every second factor; (n!)! has brackets.
      base = MakeNode(Kind::kCall, {base},
                      Take("!") ? "double factorial" : "factorial");
    } else if (Take("deg")) {
      const bool is_group = IsSymbol("{") && IsSymbol("}", 2);
      const Token& letter = Peek(is_group ? 1 : 0);
      const std::string scale = letter.text;
      if ((scale == "C" || scale == "F") && (letter.kind == TokenKind::kName ||
                                             letter.kind == TokenKind::kText)) {
        at_ += is_group ? 3 : 1;
        return MakeNode(Kind::kQuantity, {base},
                        scale == "C" ? "celsius" : "fahrenheit");
      }
      base = MakeNode(Kind::kDegrees, {base});
    } else if (Take("%")) {
      base = MakeNode(Kind::kPercent, {base});
    } else {
      return base;
    }
  }
}

// The + of 3^+ and 3^{-}, as the name of a call; empty: an exponent follows.
std::string Parser::Side() {
  const bool is_group = IsSymbol("{");
  const std::string sign = Peek(is_group ? 1 : 0).text;
  const bool ends =
      is_group ? IsSymbol("}", 2) : IsSymbol("}", 1) || Peek(1).text.empty();
  if ((sign != "+" && sign != "-") || !ends) return "";
  at_ += is_group ? 3 : 1;
  return sign == "+" ? "from above" : "from below";
}

NodePtr Parser::Exponent() {
  const Depth depth(this);
  if (depth_ > 4 * 60) return Fail("less nesting");
  if (Take("-")) return MakeNode(Kind::kNegate, {Exponent()});
  if (Take("+")) return Exponent();
  NodePtr exponent = IsSymbol("{") ? Group() : Primary();
  if (exponent == nullptr) return nullptr;
  exponent = Grouped(exponent);
  // Right to left: 2^3^4 is 2^(3^4).
  return Take("^") ? MakeNode(Kind::kPower, {exponent, Exponent()}) : exponent;
}

// The argument of sin, log, ... without brackets: factors up to the next
// operator or function.
NodePtr Parser::ImplicitArgument() {
  NodePtr argument;
  const bool is_negative = Take("-");
  while (StartsFactor()) {
    if (Peek().kind == TokenKind::kCommand && IsFunction(Peek().text)) break;
    if (argument != nullptr && (IsSymbol("(") || IsSymbol("["))) break;
    NodePtr factor = Factor();
    if (factor == nullptr) return nullptr;
    argument = argument == nullptr
                   ? factor
                   : MakeNode(Kind::kProduct, {argument, factor});
    // sin x/2
    if (IsSymbol("/") && Peek(1).kind == TokenKind::kNumber) {
      ++at_;
      argument = MakeNode(Kind::kDivide, {argument, Factor()});
      if (argument == nullptr) return nullptr;
    }
  }
  if (argument == nullptr) {
    // log sin x
    if (Peek().kind == TokenKind::kCommand && IsFunction(Peek().text)) {
      argument = Factor();
    }
    if (argument == nullptr) return Fail("an argument");
  }
  return is_negative ? MakeNode(Kind::kNegate, {argument}) : argument;
}

}  // namespace r1::math
