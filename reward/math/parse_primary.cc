// Numbers, names, brackets, commands: what a product is made of.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "reward/math/parse.h"
#include "reward/math/parser.h"
#include "reward/math/symbols.h"

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
  const Token& token = Peek();
  ++at_;
  NodePtr number = NumberNode(token);
  if (!IsSymbol("_")) return number;
  if (!token.is_plain) return Fail("an integer before its base");
  ++at_;
  const bool is_group = Take("{");
  const Token base = Peek();
  if (base.kind != TokenKind::kNumber && base.text != "ten") {
    return Fail("a base");
  }
  ++at_;
  if (is_group && !Expect("}")) return nullptr;
  auto based = std::make_shared<Node>(Node{Kind::kBased, token.text});
  if (base.value < 2 || base.value > 36 || base.value.get_den() != 1) {
    return Fail("a base from 2 to 36");
  }
  based->rows = static_cast<int>(base.value.get_num().get_si());
  if (!BasedValue(token.text, based->rows, &based->value)) {
    return Fail("digits of the base");
  }
  return based;
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

NodePtr Parser::Name() {
  std::string name = Peek().text;
  ++at_;
  const std::string subscript = Subscript();
  if (!subscript.empty()) absl::StrAppend(&name, "_{", subscript, "}");
  while (Take("'")) name += "'";
  if (name == "e" || name == "i") return MakeNode(Kind::kConstant, {}, name);
  const std::string head = name.substr(0, name.find_first_of("_'"));
  const bool is_variable_alone =
      IsSymbol("(") && Peek(1).kind == TokenKind::kName && IsSymbol(")", 2);
  if (IsSymbol("(") &&
      (CanBeApplied(head) || (MayBeApplied(head) && is_variable_alone))) {
    ++at_;
    NodePtr argument = List();
    if (argument == nullptr || !Expect(")")) return nullptr;
    return MakeNode(Kind::kCall, {argument}, name);
  }
  return MakeNode(Kind::kSymbol, {}, name);
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
  if (open == "$" || open == "euro" || open == "pound" || open == "yen") {
    return Fail("an amount on its own");
  }
  if (open != "(" && open != "[") return Fail("a value");
  ++at_;
  const int bars = std::exchange(bars_, 0);
  const bool rows = std::exchange(in_rows_, false);
  NodePtr inside = List();
  bars_ = bars;
  in_rows_ = rows;
  if (inside == nullptr) return nullptr;
  const bool is_round = IsSymbol(")");
  if (!is_round && !IsSymbol("]")) return Fail("\")\" or \"]\"");
  ++at_;
  const bool is_pair = inside->kind == Kind::kList && inside->args.size() == 2;
  if (open == "(" && is_round) {
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

NodePtr Parser::Group() {
  if (!Expect("{")) return nullptr;
  const int bars = std::exchange(bars_, 0);
  NodePtr inside = List();
  bars_ = bars;
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
  const int bars = std::exchange(bars_, 1);
  NodePtr inside = List();
  bars_ = bars;
  if (inside == nullptr) return nullptr;
  if (Take("|") || Take("mid")) {
    NodePtr condition = List();
    if (condition == nullptr) return nullptr;
    inside = MakeNode(Kind::kCall, {inside, condition}, "such that");
  }
  if (!Expect("\\}")) return nullptr;
  if (inside->kind == Kind::kList) return MakeNode(Kind::kSet, inside->args);
  return MakeNode(Kind::kSet, {inside});
}

NodePtr Parser::Between(absl::string_view close, absl::string_view function) {
  ++at_;
  const bool is_bar = close == "|";
  if (is_bar) ++bars_;
  NodePtr inside = Sum();
  if (is_bar) --bars_;
  if (inside == nullptr) return nullptr;
  if (is_bar) {
    if (!Expect("|")) return nullptr;
  } else {
    if (!IsCommand(close)) return Fail(close);
    ++at_;
  }
  return MakeNode(Kind::kCall, {inside}, std::string(function));
}

NodePtr Parser::Command() {
  const std::string name = Peek().text;
  if (name == "begin") return Environment();
  if (name == "lfloor") return Between("rfloor", "floor");
  if (name == "lceil") return Between("rceil", "ceil");
  ++at_;
  if (name == "frac") {
    NodePtr top = MacroArgument();
    NodePtr bottom = top == nullptr ? nullptr : MacroArgument();
    if (bottom == nullptr) return nullptr;
    return MakeNode(Kind::kDivide, {top, bottom});
  }
  if (name == "binom") {
    NodePtr n = MacroArgument();
    NodePtr k = n == nullptr ? nullptr : MacroArgument();
    if (k == nullptr) return nullptr;
    return MakeNode(Kind::kCall, {n, k}, "binom");
  }
  if (name == "sqrt") {
    NodePtr index = MakeNumber(2);
    if (Take("[")) {
      index = Sum();
      if (index == nullptr || !Expect("]")) return nullptr;
    }
    // \sqrt12 means the root of 12 to all who write it.
    NodePtr radicand = IsSymbol("{")                       ? Group()
                       : Peek().kind == TokenKind::kNumber ? Number()
                                                           : MacroArgument();
    if (radicand == nullptr) return nullptr;
    return MakeNode(Kind::kRoot, {radicand, index});
  }
  if (name == "pi" || name == "infinity") {
    return MakeNode(Kind::kConstant, {}, name);
  }
  if (name == "emptyset") return MakeNode(Kind::kSet, {});
  if (name == "overline" || name == "bar") {
    NodePtr inside = MacroArgument();
    if (inside == nullptr) return nullptr;
    if (inside->kind == Kind::kSymbol && inside->name.size() > 1) return inside;
    return MakeNode(Kind::kCall, {inside}, "overline");
  }
  if (name == "mathbb") {
    const bool is_group = Take("{");
    const std::string letter = Peek().text;
    ++at_;
    if (is_group && !Expect("}")) return nullptr;
    if (letter == "R") {
      auto line = std::make_shared<Node>(Node{Kind::kTuple});
      NodePtr infinity = MakeNode(Kind::kConstant, {}, "infinity");
      line->args = {MakeNode(Kind::kNegate, {infinity}), infinity};
      return line;
    }
    const std::string subscript = Subscript();
    std::string symbol = absl::StrCat("\\mathbb{", letter, "}");
    if (!subscript.empty()) absl::StrAppend(&symbol, "_{", subscript, "}");
    return MakeNode(Kind::kSymbol, {}, symbol);
  }
  if (name == "triangle" || name == "angle") {
    if (Peek().kind != TokenKind::kName) return Fail("letters");
    std::string letters;
    while (Peek().kind == TokenKind::kName) {
      letters += Peek().text;
      ++at_;
    }
    return MakeNode(Kind::kSymbol, {}, absl::StrCat("\\", name, " ", letters));
  }
  if (name == "sum" || name == "prod" || name == "int" || name == "lim") {
    return BigOperator(name);
  }
  if (IsFunction(name)) return Function(name);
  if (IsGreek(name)) {
    const std::string subscript = Subscript();
    std::string symbol = absl::StrCat("\\", name);
    if (!subscript.empty()) absl::StrAppend(&symbol, "_{", subscript, "}");
    return MakeNode(Kind::kSymbol, {}, symbol);
  }
  --at_;
  return Fail("a value");
}

NodePtr Parser::Function(const std::string& name) {
  std::vector<NodePtr> args(1);
  if (Take("_")) {  // \log_2 x
    NodePtr base = MacroArgument();
    if (base == nullptr) return nullptr;
    args.push_back(std::move(base));
  }
  NodePtr power;
  bool is_inverse = false;
  if (Take("^")) {
    power = Exponent();
    if (power == nullptr) return nullptr;
    is_inverse = power->kind == Kind::kNegate &&
                 power->args[0]->kind == Kind::kNumber &&
                 power->args[0]->value == 1;
  }
  if (IsSymbol("(") || IsSymbol("{") || IsSymbol("[")) {
    args[0] = Primary();
  } else {
    args[0] = ImplicitArgument();
  }
  if (args[0] == nullptr) return nullptr;
  if ((name == "max" || name == "min" || name == "gcd" || name == "lcm") &&
      args[0]->kind == Kind::kTuple) {
    args = args[0]->args;
  }
  NodePtr call = MakeNode(Kind::kCall, std::move(args),
                          is_inverse ? absl::StrCat("arc", name) : name);
  if (power == nullptr || is_inverse) return call;
  return MakeNode(Kind::kPower, {call, power});
}

NodePtr Parser::BigOperator(const std::string& name) {
  std::vector<NodePtr> args;
  for (int i = 0; i < 2; ++i) {
    const char* mark = IsSymbol("_") ? "_" : "^";
    if (!Take(mark)) break;
    NodePtr bound = MacroArgument();
    if (bound == nullptr) return nullptr;
    args.push_back(MakeNode(Kind::kCall, {bound}, mark));
  }
  NodePtr body = Term();
  if (body == nullptr) return nullptr;
  args.push_back(std::move(body));
  return MakeNode(Kind::kCall, std::move(args), name);
}

bool Parser::EnvironmentName(std::string* name) {
  if (!Expect("{")) return false;
  while (!IsSymbol("}") && Peek().kind != TokenKind::kEnd) {
    absl::StrAppend(name, Peek().text);
    ++at_;
  }
  return Expect("}");
}

NodePtr Parser::Environment() {
  const Depth depth(this);
  if (depth_ > 4 * 60) return Fail("less nesting");
  ++at_;
  std::string name;
  if (!EnvironmentName(&name)) return nullptr;
  if (name == "array") {  // the columns
    std::string columns;
    if (!EnvironmentName(&columns)) return nullptr;
  }
  const bool is_matrix = absl::StrContains(name, "matrix") || name == "array";
  const bool is_system = name == "cases" || absl::StartsWith(name, "align") ||
                         name == "aligned" || name == "gathered";
  if (!is_matrix && !is_system) return Fail("a matrix or a system");
  NodePtr matrix = Matrix(name);
  if (matrix == nullptr) return nullptr;
  if (is_matrix) {
    return name == "vmatrix" ? MakeNode(Kind::kCall, {matrix}, "det") : matrix;
  }
  if (matrix->cols != 1) return Fail("a system of one column");
  if (matrix->args.size() == 1) return matrix->args[0];
  return MakeNode(Kind::kList, matrix->args);
}

NodePtr Parser::Matrix(absl::string_view close_environment) {
  const bool rows = std::exchange(in_rows_, true);
  const int bars = std::exchange(bars_, 0);
  auto matrix = std::make_shared<Node>(Node{Kind::kMatrix});
  int cols = 0;
  for (;;) {
    if (IsCommand("end")) break;  // after a last "\\"
    NodePtr entry = Element();
    if (entry == nullptr) return nullptr;
    Take(",");
    matrix->args.push_back(std::move(entry));
    ++cols;
    if (Take("&")) continue;
    if (matrix->cols == 0) matrix->cols = cols;
    if (cols != matrix->cols) return Fail("rows of equal length");
    ++matrix->rows;
    cols = 0;
    if (!Take("\\\\")) break;
  }
  in_rows_ = rows;
  bars_ = bars;
  if (!IsCommand("end")) return Fail("\"&\", \"\\\\\" or \"\\end\"");
  ++at_;
  std::string name;
  if (!EnvironmentName(&name)) return nullptr;
  if (name != close_environment || matrix->args.empty() || cols != 0) {
    return Fail("the end of the matrix");
  }
  return matrix;
}

}  // namespace r1::math
