#include "reward/math/tree.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace r1::math {
namespace {

std::string Joined(const std::vector<NodePtr>& args, absl::string_view mark) {
  std::string text;
  for (size_t i = 0; i < args.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : mark, Render(*args[i]));
  }
  return text;
}

// In brackets where it would be read otherwise beside an operator: sums and
// signs, and as the base of a power all that is more than one symbol.
enum class Side { kFactor, kBase };
std::string Operand(const Node& node, Side side = Side::kFactor) {
  const std::string text = Render(node);
  bool is_bare = false;
  switch (node.kind) {
    case Kind::kNumber:
      is_bare = node.value >= 0 &&
                (side == Side::kFactor || !absl::StrContains(text, "frac"));
      break;
    case Kind::kSymbol:
    case Kind::kConstant:
    case Kind::kSet:
    case Kind::kTuple:
    case Kind::kInterval:
    case Kind::kMatrix:
    case Kind::kText:
      is_bare = true;
      break;
    case Kind::kRoot:
    case Kind::kPower:
    case Kind::kDivide:
    case Kind::kDegrees:
    case Kind::kPercent:
      is_bare = side == Side::kFactor;
      break;
    case Kind::kCall:
      is_bare = side == Side::kFactor && node.name != "mod" &&
                node.name != "bmod" && node.name != "sum" &&
                node.name != "prod" && node.name != "int" && node.name != "lim";
      break;
    default:
      break;
  }
  return is_bare ? text : absl::StrCat("\\left(", text, "\\right)");
}

std::string RenderNumber(const Node& node) {
  // As written where that is a plain decimal; otherwise by its value.
  if (!node.name.empty() && node.value >= 0) {
    mpz_class digits;
    std::string all = node.name;
    const size_t point = all.find('.');
    size_t decimals = 0;
    if (point != std::string::npos) {
      decimals = all.size() - point - 1;
      all.erase(point, 1);
    }
    if (static_cast<int>(decimals) == std::max(node.decimals, 0) &&
        digits.set_str(all.empty() ? "0" : all, 10) == 0) {
      return absl::StrCat(node.name[0] == '.' ? "0" : "", node.name);
    }
  }
  if (node.value.get_den() == 1) return node.value.get_num().get_str();
  if (node.decimals >= 0) {
    mpz_class scale, scaled;
    mpz_ui_pow_ui(scale.get_mpz_t(), 10, node.decimals);
    scaled = node.value.get_num() * scale / node.value.get_den();
    std::string digits = scaled.get_str();
    const size_t decimals = node.decimals;
    if (digits.size() <= decimals) {
      digits = std::string(decimals + 1 - digits.size(), '0').append(digits);
    }
    const size_t point = digits.size() - decimals;
    return absl::StrCat(digits.substr(0, point), ".", digits.substr(point));
  }
  return absl::StrCat("\\frac{", node.value.get_num().get_str(), "}{",
                      node.value.get_den().get_str(), "}");
}

std::string RenderCall(const Node& node) {
  const auto arg = [&node](size_t i) { return Render(*node.args[i]); };
  const std::string& name = node.name;
  if (name == "abs") return absl::StrCat("\\left|", arg(0), "\\right|");
  if (name == "floor") return absl::StrCat("\\lfloor ", arg(0), "\\rfloor ");
  if (name == "ceil") return absl::StrCat("\\lceil ", arg(0), "\\rceil ");
  if (name == "factorial" || name == "double factorial") {
    const bool is_call = node.args[0]->kind == Kind::kCall;
    return absl::StrCat(is_call ? absl::StrCat("(", arg(0), ")")
                                : Operand(*node.args[0], Side::kBase),
                        name == "factorial" ? "!" : "!!");
  }
  if (name == "binom") {
    return absl::StrCat("\\binom{", arg(0), "}{", arg(1), "}");
  }
  if (name == "mod") {
    return absl::StrCat(Operand(*node.args[0], Side::kBase), " \\pmod{", arg(1),
                        "}");
  }
  if (name == "bmod") {
    return absl::StrCat(Operand(*node.args[0], Side::kBase), " \\bmod ",
                        Operand(*node.args[1], Side::kBase));
  }
  if (name == "overline") return absl::StrCat("\\overline{", arg(0), "}");
  if (name == "such that")
    return absl::StrCat(arg(0), " \\mid ", arg(1));  // in a set
  if (name == "det" && node.args[0]->kind == Kind::kMatrix) {
    return absl::StrCat("\\det ", Operand(*node.args[0]));
  }
  if (name == "sum" || name == "prod" || name == "int" || name == "lim") {
    std::string text = absl::StrCat("\\", name);
    for (size_t i = 0; i + 1 < node.args.size(); ++i) {
      absl::StrAppend(&text, node.args[i]->name, "{",
                      Render(*node.args[i]->args[0]), "}");
    }
    return absl::StrCat(text, " ", Operand(*node.args.back()));
  }
  std::string head = name;
  if (head.size() > 1 && head[1] != '_' && head[1] != '\'' && head[0] != '\\') {
    head = absl::StartsWith(head, "arc") && head != "arcsin" &&
                   head != "arccos" && head != "arctan" && head != "arccot" &&
                   head != "arcsec" && head != "arccsc"
               ? absl::StrCat("\\", head.substr(3), "^{-1}")
               : absl::StrCat("\\", head);
  }
  if ((name == "max" || name == "min" || name == "gcd" || name == "lcm") &&
      node.args.size() > 1) {
    return absl::StrCat(head, "\\left(", Joined(node.args, ", "), "\\right)");
  }
  if (node.args.size() == 2) {
    absl::StrAppend(&head, "_{", arg(1), "}");  // \log_{2}
  }
  return absl::StrCat(head, "\\left(", arg(0), "\\right)");
}

std::string RenderMatrix(const Node& node) {
  std::string text = "\\begin{pmatrix}";
  for (size_t i = 0; i < node.args.size(); ++i) {
    if (i > 0) text += i % node.cols == 0 ? " \\\\ " : " & ";
    text += Render(*node.args[i]);
  }
  return absl::StrCat(text, "\\end{pmatrix}");
}

}  // namespace

NodePtr MakeNumber(mpq_class value) {
  auto node = std::make_shared<Node>(Node{Kind::kNumber});
  node->value = std::move(value);
  return node;
}

NodePtr MakeNode(Kind kind, std::vector<NodePtr> args, std::string name) {
  if (absl::c_linear_search(args, nullptr)) return nullptr;
  return std::make_shared<Node>(Node{kind, std::move(name), std::move(args)});
}

NodePtr Minus(const NodePtr& a, const NodePtr& b) {
  return MakeNode(Kind::kSum, {a, MakeNode(Kind::kNegate, {b})});
}

std::string Render(const Node& node) {
  const auto& args = node.args;
  switch (node.kind) {
    case Kind::kNumber:
      return RenderNumber(node);
    case Kind::kSymbol:
      return node.name;
    case Kind::kConstant:
      return node.name == "pi"         ? "\\pi"
             : node.name == "infinity" ? "\\infty"
                                       : node.name;
    case Kind::kNegate:
      return absl::StrCat("-", args[0]->kind == Kind::kProduct
                                   ? Render(*args[0])
                                   : Operand(*args[0]));
    case Kind::kSum: {
      std::string text;
      for (size_t i = 0; i < args.size(); ++i) {
        if (i > 0 && args[i]->kind == Kind::kNegate) {  // "a -b" for a - b
          absl::StrAppend(&text, " ", Render(*args[i]));
        } else {
          absl::StrAppend(
              &text, i == 0 ? "" : " + ",
              args[i]->kind == Kind::kSum || args[i]->kind == Kind::kPlusMinus
                  ? Operand(*args[i])
                  : Render(*args[i]));
        }
      }
      return text;
    }
    case Kind::kProduct:
      return absl::StrCat(args[0]->kind == Kind::kProduct ? Render(*args[0])
                                                          : Operand(*args[0]),
                          " \\cdot ", Operand(*args[1]));
    case Kind::kDivide:
      return absl::StrCat("\\frac{", Render(*args[0]), "}{", Render(*args[1]),
                          "}");
    case Kind::kPower:
      return absl::StrCat(Operand(*args[0], Side::kBase), "^{",
                          Render(*args[1]), "}");
    case Kind::kRoot:
      if (args[1]->kind == Kind::kNumber && args[1]->value == 2) {
        return absl::StrCat("\\sqrt{", Render(*args[0]), "}");
      }
      return absl::StrCat("\\sqrt[", Render(*args[1]), "]{", Render(*args[0]),
                          "}");
    case Kind::kCall:
      return RenderCall(node);
    case Kind::kPlusMinus: {
      const char* sign = node.name == "+-" ? "\\pm " : "\\mp ";
      return args.size() == 1
                 ? absl::StrCat(sign, Operand(*args[0]))
                 : absl::StrCat(Render(*args[0]), " ", sign, Operand(*args[1]));
    }
    case Kind::kDegrees:
      return absl::StrCat(Operand(*args[0], Side::kBase), "^\\circ");
    case Kind::kPercent:
      return absl::StrCat(Operand(*args[0], Side::kBase), "\\%");
    case Kind::kQuantity:
      return absl::StrCat(Render(*args[0]), " \\text{ ", node.name, "}");
    case Kind::kBased:
      return absl::StrCat("\\text{", node.name, "}_{", node.rows, "}");
    case Kind::kRatio:
      return Joined(args, ":");
    case Kind::kRelation: {
      std::string text = Render(*args[0]);
      for (size_t i = 0; i < node.ops.size(); ++i) {
        const std::string& op = node.ops[i];
        absl::StrAppend(&text, " ",
                        op == "in"   ? "\\in"
                        : op == "~"  ? "\\approx"
                        : op == "<=" ? "\\le"
                        : op == ">=" ? "\\ge"
                        : op == "!=" ? "\\ne"
                        : op == "to" ? "\\to"
                        : op == "==" ? "\\equiv"
                                     : op,
                        " ", Render(*args[i + 1]));
      }
      return text;
    }
    case Kind::kInterval:
      return absl::StrCat(node.closed_left ? "[" : "(", Joined(args, ", "),
                          node.closed_right ? "]" : ")");
    case Kind::kTuple:
      if (node.name == "[]") return absl::StrCat("[", Joined(args, ", "), "]");
      if (args.size() == 1) {
        return absl::StrCat("\\langle ", Render(*args[0]), " \\rangle");
      }
      return absl::StrCat("(", Joined(args, ", "), ")");
    case Kind::kSet:
      return args.empty() ? "\\emptyset"
                          : absl::StrCat("\\{", Joined(args, ", "), "\\}");
    case Kind::kList: {
      // Lists inside a list are its groups.
      const bool has_groups = !args.empty() && args[0]->kind == Kind::kList;
      return Joined(args, has_groups ? " ; " : ", ");
    }
    case Kind::kUnion:
      return absl::StrCat(Render(*args[0]), " \\", node.name, " ",
                          Render(*args[1]));
    case Kind::kMatrix:
      return RenderMatrix(node);
    case Kind::kText:
      return absl::StrCat("\\text{", node.name, "}");
  }
  return "";
}

absl::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kRatio:
      return "ratio";
    case Kind::kRelation:
      return "relation";
    case Kind::kInterval:
    case Kind::kUnion:
      return "set of reals";
    case Kind::kTuple:
      return "tuple";
    case Kind::kSet:
      return "set";
    case Kind::kList:
      return "list";
    case Kind::kMatrix:
      return "matrix";
    case Kind::kText:
      return "text";
    case Kind::kBased:
      return "numeral with a base";
    default:
      return "expression";
  }
}

}  // namespace r1::math
