// Numbers, names and brackets: what a product is made of.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "reward/math/parse.h"
#include "reward/math/parser.h"
#include "reward/math/symbols.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

NodePtr NumberNode(const Token& token) {
  auto node = std::make_shared<Node>(Node{Kind::kNumber, token.text});
  node->value = token.value;
  node->decimals = token.decimals;
  node->digits = token.digits;
  return node;
}

// The value of `digits` in `base`; nothing if a digit is too large for it.
bool BasedValue(const std::string& digits, int base, mpq_class* value) {
  mpz_class integer;
  if (digits.empty() || integer.set_str(digits, base) != 0) return false;
  *value = integer;
  return true;
}

bool CanBeApplied(const std::string& name) {
  return name.size() == 1 && (absl::StrContains("fghFGH", name));
}

// P(x), W(n): letters that name a function where one variable is its argument.
bool MayBeApplied(const std::string& name) {
  return name.size() == 1 && absl::StrContains("pqPQWVSTNARLM", name);
}

}  // namespace

NodePtr Parser::Primary() {
  const Depth depth(this);
  if (depth_ > 4 * 60) return Fail("less nesting");
  if (NodePtr chosen = Combinations()) return chosen;
  const Token& token = Peek();
  switch (token.kind) {
    case TokenKind::kNumber:
      return Number();
    case TokenKind::kName:
      return Name();
    case TokenKind::kCommand:
      return Command();
    case TokenKind::kText: {
      std::string words = token.text;
      ++at_;
      while (Peek().kind == TokenKind::kText) {
        absl::StrAppend(&words, " ", Peek().text);
        ++at_;
      }
      const std::string subscript = Subscript();
      int base = 0;
      if (absl::SimpleAtoi(subscript, &base) && base >= 2 && base <= 36) {
        auto based = std::make_shared<Node>(Node{Kind::kBased, words});
        based->rows = base;
        if (BasedValue(words, base, &based->value)) return based;
      }
      if (!subscript.empty()) absl::StrAppend(&words, "_", subscript);
      return MakeNode(Kind::kText, {}, words);
    }
    case TokenKind::kSymbol:
      return Bracket();
    case TokenKind::kEnd:
      break;
  }
  return Fail("a value");
}

NodePtr Parser::Number() {
  const Token token = Peek();
  ++at_;
  // "1011 base 2" in words.
  const bool in_words = Peek().kind == TokenKind::kText &&
                        Peek().text == "base" &&
                        Peek(1).kind == TokenKind::kNumber;
  if (!IsSymbol("_") && !in_words) return NumberNode(token);
  return Numeral(token);
}

// What stands behind the numeral `digits`: _7, _{\text{seven}}, "base 7".
NodePtr Parser::Numeral(const Token& digits) {
  if (!digits.is_plain) return Fail("an integer before its base");
  ++at_;  // "_" or "base"
  const int base = Base();
  if (base < 2 || base > 36) return Fail("a base from 2 to 36");
  auto based = std::make_shared<Node>(Node{Kind::kBased, digits.text});
  based->rows = base;
  if (!BasedValue(digits.text, base, &based->value)) {
    return Fail("digits of the base");
  }
  return based;
}

// 7, {7}, {(7)}, {\text{seven}}, {\text{base } 7}; 0 for anything else.
int Parser::Base() {
  const bool is_group = Take("{");
  const bool is_bracket = Take("(");
  if (Peek().kind == TokenKind::kText && Peek().text == "base") ++at_;
  const Token& base = Peek();
  ++at_;
  int value = 0;
  if (base.kind == TokenKind::kNumber && base.value.get_den() == 1 &&
      base.value <= 36) {
    value = static_cast<int>(base.value.get_num().get_si());
  } else if (base.kind == TokenKind::kText) {
    value = NumberWord(base.text).value_or(0);
  }
  if (is_bracket && !Take(")")) return 0;
  return is_group && !Take("}") ? 0 : value;
}

std::string Parser::Subscript() {
  if (!Take("_")) return "";
  std::string text;
  if (Take("{")) {
    int open = 1;
    while (Peek().kind != TokenKind::kEnd) {
      if (IsSymbol("{")) ++open;
      if (IsSymbol("}") && --open == 0) break;
      absl::StrAppend(&text, Peek().text);
      ++at_;
    }
    if (!Expect("}")) return "";
    return text;
  }
  if (Peek().kind == TokenKind::kEnd) {
    Fail("a subscript");
    return "";
  }
  text = Peek().text;
  ++at_;
  return text;
}

// What may stand behind a name, in either order, as "_{1}''".
std::string Parser::Marks() {
  std::string primes;
  while (Take("'")) primes += "'";
  const std::string subscript = Subscript();
  while (Take("'")) primes += "'";
  return subscript.empty() ? primes
                           : absl::StrCat("_{", subscript, "}", primes);
}

NodePtr Parser::Name() {
  std::string name = Peek().text;
  ++at_;
  name += Marks();
  if (name == "e" || name == "i") return MakeNode(Kind::kConstant, {}, name);
  const std::string head = name.substr(0, name.find_first_of("_'"));
  const bool is_variable_alone =
      IsSymbol("(") && Peek(1).kind == TokenKind::kName && IsSymbol(")", 2);
  const bool is_group = IsSymbol("{") && IsSymbol("(", 1);  // f{\left(x\right)}
  if ((IsSymbol("(") || is_group) &&
      (CanBeApplied(head) || (MayBeApplied(head) && is_variable_alone))) {
    at_ += is_group ? 2 : 1;
    NodePtr argument = List();
    if (argument == nullptr || !Expect(")")) return nullptr;
    if (is_group && !Expect("}")) return nullptr;
    return MakeNode(Kind::kCall, {argument}, name);
  }
  return MakeNode(Kind::kSymbol, {}, name);
}

// {}_{10}C_3, {}^{10}C_3, _{10}C_3, C(10, 3), C_{10}^{3}, 10C3; null: none
// stands here.
NodePtr Parser::Combinations() {
  const size_t begin = at_;
  const auto is_c = [this](size_t ahead = 0) {
    return Peek(ahead).kind == TokenKind::kName && Peek(ahead).text == "C";
  };
  const auto count = [this]() -> NodePtr {
    const bool is_group = Take("{");
    NodePtr number = Peek().kind == TokenKind::kNumber && Peek().is_plain
                         ? Number()
                         : nullptr;
    return is_group && !Take("}") ? nullptr : number;
  };
  NodePtr n, k;
  if (is_c() && IsSymbol("(", 1)) {
    at_ += 2;
    n = count();
    if (n != nullptr && Take(",")) k = count();
    if (!Take(")")) k = nullptr;
  } else if (is_c() && IsSymbol("_", 1)) {
    at_ += 2;
    n = count();
    if (n != nullptr && Take("^")) k = count();
  } else if (Peek().kind == TokenKind::kNumber) {
    n = is_c(1) && !Peek(1).space_before ? count() : nullptr;
    if (n != nullptr && !Peek(1).space_before) {
      ++at_;
      k = count();
    }
  } else {
    if (IsSymbol("{") && IsSymbol("}", 1)) at_ += 2;
    if (Take("_") || Take("^")) n = count();
    if (n != nullptr && is_c() && IsSymbol("_", 1)) {
      at_ += 2;
      k = count();
    }
  }
  if (k != nullptr && k->value <= n->value) {
    return MakeNode(Kind::kCall, {n, k}, "binom");
  }
  at_ = begin;
  return nullptr;
}

NodePtr Parser::Bracket() {
  const std::string open = Peek().text;
  if (open == "{") return Group();
  if (open == "\\{") return Set();
  if (open == "|") return Between("|", "abs");
  if (open == "<|") {
    ++at_;
    NodePtr inside = List();
    if (inside == nullptr || !Expect("|>")) return nullptr;
    if (inside->kind != Kind::kList) return MakeNode(Kind::kTuple, {inside});
    return MakeNode(Kind::kTuple, inside->args);
  }
  if (!Currency().empty()) {
    return Fail("an amount on its own");
  }
  if (open != "(" && open != "[" && open != "]") return Fail("a value");
  // (1011)_2
  if (open == "(" && Peek(1).kind == TokenKind::kNumber && IsSymbol(")", 2) &&
      IsSymbol("_", 3)) {
    const Token digits = Peek(1);
    at_ += 3;
    return Numeral(digits);
  }
  ++at_;
  const Context outer = std::exchange(context_, Context());
  const bool is_remark = IsSymbol("~");
  NodePtr inside = List();
  context_ = outer;
  if (inside == nullptr) return nullptr;
  // "(\\approx 5)" says of something else how large it is.
  if (is_remark && inside->kind != Kind::kList) {
    return Fail("a value beside the remark in brackets");
  }
  // ]1, 2[ is (1, 2).
  const bool is_round = IsSymbol(")") || IsSymbol("[");
  const bool is_outward = open == "]" || IsSymbol("[");
  if (!is_round && !IsSymbol("]")) return Fail("\")\" or \"]\"");
  ++at_;
  const bool is_pair = inside->kind == Kind::kList && inside->args.size() == 2;
  if (is_outward && !is_pair) return Fail("an interval");
  if (open != "[" && is_round) {
    if (inside->kind != Kind::kList) return inside;
    return MakeNode(Kind::kTuple, inside->args);
  }
  if (inside->kind == Kind::kList && open == "[" && !is_round && !is_pair) {
    return MakeNode(Kind::kTuple, inside->args, "[]");
  }
  if (!is_pair) {
    // [x+1] groups; [x+1) is nothing.
    if (open == "[" && !is_round && inside->kind == Kind::kMatrix)
      return inside;
    if (open == "[" && !is_round && inside->kind != Kind::kList) return inside;
    return Fail("an interval");
  }
  auto interval =
      std::make_shared<Node>(Node{Kind::kInterval, "", inside->args});
  interval->closed_left = open == "[";
  interval->closed_right = !is_round;
  return interval;
}

// Whether a "[" here ends an interval, as in [1, 2[.
bool Parser::ClosesInterval() const {
  if (!IsSymbol("[")) return false;
  const Token& next = Peek(1);
  if (next.kind == TokenKind::kEnd) return true;
  return next.kind == TokenKind::kSymbol && next.text != "(" &&
         next.text != "[" && next.text != "{" && next.text != "\\{" &&
         next.text != "|" && next.text != "<|" && next.text != "-" &&
         next.text != "+" && next.text != "]";
}

NodePtr Parser::Group() {
  if (!Expect("{")) return nullptr;
  const int bars = std::exchange(context_.bars, 0);
  NodePtr inside = List();
  context_.bars = bars;
  if (inside == nullptr || !Expect("}")) return nullptr;
  return inside;
}

NodePtr Parser::MacroArgument() {
  if (IsSymbol("{")) return Group();
  // \frac12: one digit each.
  Token& token = tokens_[std::min(at_, tokens_.size() - 1)];
  if (token.kind == TokenKind::kNumber && token.is_plain &&
      token.text.size() > 1) {
    Token digit{TokenKind::kNumber, token.text.substr(0, 1)};
    digit.value = mpq_class(digit.text);
    token.text = token.text.substr(1);
    token.value = mpq_class(mpz_class(token.text, 10));
    return NumberNode(digit);
  }
  if (token.kind == TokenKind::kSymbol) return Bracket();
  if (token.kind == TokenKind::kCommand) return Command();
  if (token.kind == TokenKind::kNumber || token.kind == TokenKind::kName) {
    // One symbol, without its own subscript or brackets.
    ++at_;
    if (token.kind == TokenKind::kNumber) return NumberNode(token);
    if (token.text == "e" || token.text == "i") {
      return MakeNode(Kind::kConstant, {}, token.text);
    }
    return MakeNode(Kind::kSymbol, {}, token.text);
  }
  return Fail("an argument");
}

NodePtr Parser::Set() {
  if (!Expect("\\{")) return nullptr;
  if (Take("\\}")) return MakeNode(Kind::kSet, {});
  // {x | x > 0}: a bar after the first element is no absolute value.
  const Context outer = context_;
  context_.bars = 1;
  context_.in_set = true;
  NodePtr inside = List();
  context_ = outer;
  if (inside == nullptr) return nullptr;
  if (Take("|") || Take("mid") || Take(":")) {
    inside = MakeNode(Kind::kCall, {inside, List()}, "such that");
  }
  if (inside == nullptr || !Expect("\\}")) return nullptr;
  if (inside->kind == Kind::kList) return MakeNode(Kind::kSet, inside->args);
  return MakeNode(Kind::kSet, {inside});
}

NodePtr Parser::Between(absl::string_view close, absl::string_view function) {
  ++at_;
  const bool is_bar = close == "|";
  if (is_bar) ++context_.bars;
  NodePtr inside = Sum();
  if (is_bar) --context_.bars;
  if (inside == nullptr || (is_bar && !Expect("|"))) return nullptr;
  if (!is_bar && !IsCommand(close)) return Fail(close);
  if (!is_bar) ++at_;
  return MakeNode(Kind::kCall, {inside}, std::string(function));
}

}  // namespace r1::math
