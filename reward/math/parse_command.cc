// Commands: fractions, roots, functions, matrices.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/math/parser.h"
#include "reward/math/symbols.h"

namespace r1::math {

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
