// Commands: fractions, roots, functions, matrices.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/math/parser.h"
#include "reward/math/symbols.h"

namespace r1::math {
namespace {

NodePtr RealLine() {
  NodePtr infinity = MakeNode(Kind::kConstant, {}, "infinity");
  return MakeNode(Kind::kTuple,
                  {MakeNode(Kind::kNegate, {infinity}), infinity});
}

bool IsSymbolNamed(const Node& node, absl::string_view name) {
  return node.kind == Kind::kSymbol && node.name == name;
}

// The d x at the end of an integrand, or in the numerator of its fraction:
// *integrand is what stands before, *variable the x.
bool SplitDifferential(const NodePtr& node, NodePtr* integrand,
                       NodePtr* variable) {
  if (node->kind == Kind::kDivide || node->kind == Kind::kNegate) {
    NodePtr inner;
    if (!SplitDifferential(node->args[0], &inner, variable)) return false;
    auto copy = std::make_shared<Node>(*node);
    copy->args[0] = inner;
    *integrand = copy;
    return true;
  }
  if (node->kind != Kind::kProduct || node->args[1]->kind != Kind::kSymbol) {
    return false;
  }
  const NodePtr& left = node->args[0];
  if (IsSymbolNamed(*left, "d")) {
    *integrand = MakeNumber(1);
  } else if (left->kind == Kind::kProduct &&
             IsSymbolNamed(*left->args[1], "d")) {
    *integrand = left->args[0];
  } else {
    return false;
  }
  *variable = node->args[1];
  return true;
}

}  // namespace

NodePtr Parser::Command() {
  const std::string name = Peek().text;
  if (name == "begin") return Environment();
  if (name == "lfloor") return Between("rfloor", "floor");
  if (name == "lceil") return Between("rceil", "ceil");
  ++at_;
  if (name == "frac") {
    return MakeNode(Kind::kDivide, {MacroArgument(), MacroArgument()});
  }
  if (name == "binom") {
    return MakeNode(Kind::kCall, {MacroArgument(), MacroArgument()}, name);
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
    return MakeNode(Kind::kRoot, {radicand, index});
  }
  if (name == "cbrt") {
    return MakeNode(Kind::kRoot, {MacroArgument(), MakeNumber(3)});
  }
  if (name == "factorial") {
    return MakeNode(Kind::kCall, {MacroArgument()}, name);
  }
  if (name == "top" || name == "intercal") {  // transposed
    return MakeNode(Kind::kSymbol, {}, "T");
  }
  if (name == "R") return RealLine();
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
    if (letter == "R" && !IsSymbol("^")) return RealLine();
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
    return MakeNode(Kind::kSymbol, {}, absl::StrCat("\\", name, Marks()));
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
  if (IsSymbol("(") || IsSymbol("{") || IsSymbol("[") || IsSymbol("\\{")) {
    args[0] = Primary();
  } else {
    args[0] = ImplicitArgument();
  }
  if (args[0] == nullptr) return nullptr;
  // \max(a, b), \max\{a, b\}
  if ((name == "max" || name == "min" || name == "gcd" || name == "lcm") &&
      (args[0]->kind == Kind::kTuple || args[0]->kind == Kind::kList ||
       (args[0]->kind == Kind::kSet && !args[0]->args.empty()))) {
    args = args[0]->args;
    std::sort(args.begin(), args.end(), [](const NodePtr& a, const NodePtr& b) {
      return Render(*a) < Render(*b);
    });
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
    // \int_{ }
    if (IsSymbol("{") && IsSymbol("}", 1)) {
      at_ += 2;
      continue;
    }
    args.push_back(MakeNode(Kind::kCall, {MacroArgument()}, mark));
    if (args.back() == nullptr) return nullptr;
  }
  if (args.size() == 2 && args[0]->name == "^") std::swap(args[0], args[1]);
  args.push_back(name == "int" ? Integrand() : Term());
  return MakeNode(Kind::kCall, std::move(args), name);
}

// Terms up to the one with the differential, as (f) d x; where there is none,
// one term.
NodePtr Parser::Integrand() {
  const size_t begin = at_;
  std::vector<NodePtr> terms;
  for (bool is_negative = Take("-");; is_negative = Take("-")) {
    NodePtr term = Term();
    if (term == nullptr) return nullptr;
    NodePtr integrand, variable;
    const bool is_last = SplitDifferential(term, &integrand, &variable);
    if (is_last) term = integrand;
    terms.push_back(is_negative ? MakeNode(Kind::kNegate, {term}) : term);
    if (is_last) {
      NodePtr sum =
          terms.size() == 1 ? terms[0] : MakeNode(Kind::kSum, std::move(terms));
      return MakeNode(
          Kind::kProduct,
          {MakeNode(Kind::kProduct, {sum, MakeNode(Kind::kSymbol, {}, "d")}),
           variable});
    }
    if (!IsSymbol("-") && !Take("+")) break;
  }
  at_ = begin;
  return Term();
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
  const bool is_cases = absl::StrContains(name, "cases");
  bool is_system = is_cases;
  for (const absl::string_view prefix :
       {"align", "gather", "split", "equation", "multline", "eqnarray"}) {
    is_system |= absl::StartsWith(name, prefix);
  }
  if (!is_matrix && !is_system) return Fail("a matrix or a system");
  NodePtr matrix = Matrix(name, is_system && !is_cases);
  if (matrix == nullptr) return nullptr;
  if (name == "vmatrix") return MakeNode(Kind::kCall, {matrix}, "det");
  // Relations below each other are a system whatever stands around them.
  const bool are_relations =
      matrix->cols == 1 && std::all_of(matrix->args.begin(), matrix->args.end(),
                                       [](const NodePtr& arg) {
                                         return arg->kind == Kind::kRelation;
                                       });
  if ((is_matrix && !are_relations) || matrix->cols != 1) return matrix;
  if (matrix->args.size() == 1) return matrix->args[0];
  return MakeNode(Kind::kList, matrix->args);
}

// Where `is_system` is set, & only says where lines meet.
NodePtr Parser::Matrix(absl::string_view close_environment, bool is_system) {
  if (is_system) {
    size_t end = at_;
    while (tokens_[end].kind != TokenKind::kEnd &&
           !(tokens_[end].kind == TokenKind::kCommand &&
             tokens_[end].text == "end")) {
      ++end;
    }
    const auto is_mark = [](const Token& token) { return token.text == "&"; };
    tokens_.erase(
        std::remove_if(tokens_.begin() + at_, tokens_.begin() + end, is_mark),
        tokens_.begin() + end);
  }
  const Context outer = context_;
  context_.in_rows = true;
  context_.bars = 0;
  auto matrix = std::make_shared<Node>(Node{Kind::kMatrix});
  int cols = 0;
  for (;;) {
    if (IsCommand("end")) break;  // after a last "\\"
    // "if x > 0" beside what holds there.
    if (Peek().kind == TokenKind::kText &&
        (Peek().text == "if" || Peek().text == "for" ||
         Peek().text == "when") &&
        !IsSymbol("\\\\", 1)) {
      ++at_;
    }
    NodePtr entry = Element();
    if (entry == nullptr) return nullptr;
    while (Take(",") || Take(".") || Take(";")) {
    }
    matrix->args.push_back(std::move(entry));
    ++cols;
    if (Take("&")) continue;
    if (matrix->cols == 0) matrix->cols = cols;
    if (cols != matrix->cols) return Fail("rows of equal length");
    ++matrix->rows;
    cols = 0;
    if (!Take("\\\\")) break;
  }
  context_ = outer;
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
