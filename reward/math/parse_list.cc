// Lists, relations, sets and units: what stands around scalars.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "reward/core/text.h"
#include "reward/math/currency.h"
#include "reward/math/nouns.h"
#include "reward/math/parse.h"
#include "reward/math/parser.h"
#include "reward/math/units.h"

namespace r1::math {
namespace {

bool IsRelation(absl::string_view op) {
  return op == "=" || op == "<" || op == ">" || op == "<=" || op == ">=" ||
         op == "!=" || op == "~" || op == "in" || op == "==" || op == "to";
}

// \mathbb{R} - \{2\}: a minus between sets.
NodePtr AsDifference(const NodePtr& node) {
  if (node->kind != Kind::kSum || node->args.size() != 2 ||
      node->args[1]->kind != Kind::kNegate) {
    return node;
  }
  const NodePtr& left = node->args[0];
  const NodePtr& right = node->args[1]->args[0];
  const bool is_left_set =
      left->kind == Kind::kTuple || left->kind == Kind::kInterval;
  if (!is_left_set || right->kind != Kind::kSet) return node;
  return MakeNode(Kind::kUnion, {left, right}, "setminus");
}

// Words before a point that do not turn it into something else.
bool MayIntroduce(absl::string_view words) {
  const std::vector<absl::string_view> parts = absl::StrSplit(words, ' ');
  return std::none_of(parts.begin(), parts.end(), [](absl::string_view word) {
    return ChangesNumber(word) && !absl::EqualsIgnoreCase(word, "point");
  });
}

// k \in \mathbb{Z} behind another element: what the k of that one is.
bool IsQualifier(const Node& node) {
  return node.kind == Kind::kRelation && node.ops.size() == 1 &&
         node.ops[0] == "in" && node.args[0]->kind == Kind::kSymbol &&
         node.args[1]->kind == Kind::kSymbol &&
         absl::StartsWith(node.args[1]->name, "\\mathbb");
}

bool IsAssignment(const NodePtr& node) {
  return node->kind == Kind::kRelation && node->ops[0] == "=";
}

// a, b or c, d: groups where each has the same number of members, at least
// two; otherwise one list. The list's name is the word between all elements, if
// it is one word: for inequalities it matters.
NodePtr Grouped(std::vector<std::vector<NodePtr>> groups,
                const std::string& connector) {
  const size_t size = groups[0].size();
  const bool is_grouped =
      groups.size() > 1 && size > 1 &&
      std::all_of(groups.begin(), groups.end(), [&](const auto& group) {
        return group.size() == size &&
               std::all_of(group.begin(), group.end(), IsAssignment);
      });
  std::vector<NodePtr> all;
  for (std::vector<NodePtr>& group : groups) {
    if (is_grouped) {
      all.push_back(MakeNode(Kind::kList, std::move(group)));
    } else {
      all.insert(all.end(), group.begin(), group.end());
    }
  }
  return all.size() == 1 ? all[0]
                         : MakeNode(Kind::kList, std::move(all), connector);
}

}  // namespace

const Token& Parser::Peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool Parser::IsSymbol(absl::string_view text, size_t ahead) const {
  const Token& token = Peek(ahead);
  return token.kind == TokenKind::kSymbol && token.text == text;
}

bool Parser::IsCommand(absl::string_view text, size_t ahead) const {
  const Token& token = Peek(ahead);
  return token.kind == TokenKind::kCommand && token.text == text;
}

bool Parser::Take(absl::string_view symbol) {
  if (!IsSymbol(symbol)) return false;
  ++at_;
  return true;
}

bool Parser::Expect(absl::string_view symbol) {
  if (Take(symbol)) return true;
  Fail(absl::StrCat("\"", symbol, "\""));
  return false;
}

NodePtr Parser::Fail(absl::string_view expected) {
  if (status_.ok()) {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("expected ", expected, ", found ",
                     Peek().kind == TokenKind::kEnd
                         ? std::string("the end")
                         : absl::StrCat("\"", Excerpt(Peek().text),
                                        "\" (symbol ", at_ + 1, ")")));
  }
  return nullptr;
}

NodePtr Parser::ParseAll() {
  NodePtr node = List();
  if (node == nullptr) return nullptr;
  while (Take(".") || Take(",") || Take(";")) {
  }
  if (Peek().kind != TokenKind::kEnd) return Fail("an operator or the end");
  return node;
}

NodePtr Parser::List() {
  const Depth depth(this);
  if (depth_ > kMaxDepth) return Fail("less nesting");
  std::vector<std::vector<NodePtr>> groups(1);
  std::string connector;
  for (;;) {
    NodePtr element = Element();
    if (element == nullptr) return nullptr;
    const bool is_qualifier = IsQualifier(*element) && !groups[0].empty();
    if (!is_qualifier) groups.back().push_back(std::move(element));
    const size_t before = at_;
    bool is_strong = false;
    bool is_weak = false;
    std::string word;
    while (true) {
      if (Take(",")) {
        is_weak = true;
      } else if (Take(";") || (!context_.in_rows && Take("\\\\"))) {
        is_strong = true;
      } else if (IsSymbol("or") || IsSymbol("and")) {
        word = Peek().text;
        ++at_;
        // ", or" is the end of a list with commas.
        is_strong |= !is_weak;
      } else {
        break;
      }
    }
    if (!is_strong && !is_weak) break;
    if (Peek().kind == TokenKind::kEnd || IsSymbol(".") || IsSymbol("}") ||
        IsSymbol("...")) {
      if (IsSymbol("...")) return Fail("an element");
      at_ = before;
      break;
    }
    const bool is_first = groups.size() == 1 && groups[0].size() == 1;
    connector = is_first || word == connector ? word : "";
    if (is_strong) groups.emplace_back();
  }
  return Grouped(std::move(groups), connector);
}

NodePtr Parser::Element() {
  Take("~");  // "about 8.24" says 8.24
  auto relation = std::make_shared<Node>(Node{Kind::kRelation});
  for (;;) {
    NodePtr operand = relation->args.empty() ? NamedSide() : nullptr;
    if (operand == nullptr) operand = SetExpression();
    if (operand == nullptr) return nullptr;
    relation->args.push_back(std::move(operand));
    if (Peek().kind != TokenKind::kSymbol || !IsRelation(Peek().text)) break;
    std::string op = Peek().text;
    ++at_;
    // < = is <=, as some write it.
    if ((op == "<" || op == ">") && IsSymbol("=")) {
      ++at_;
      op += "=";
    }
    relation->ops.push_back(op);
  }
  if (relation->ops.empty()) return relation->args[0];
  // x \equiv 3 \bmod 7 says a class too.
  NodePtr& last = relation->args.back();
  if (relation->ops.back() == "==" && last->name == "bmod") {
    last = MakeNode(Kind::kCall, last->args, "mod");
  }
  return relation;
}

NodePtr Parser::SetExpression() {
  NodePtr left = Ratio();
  while (left != nullptr) {
    std::string op;
    for (const char* name : {"cup", "cap", "setminus"}) {
      if (Take(name)) op = name;
    }
    const bool is_interval =
        left->kind == Kind::kInterval || left->kind == Kind::kUnion ||
        (left->kind == Kind::kTuple && left->args.size() == 2);
    if (op.empty() && is_interval && Peek().text == "U" &&
        (IsSymbol("(", 1) || IsSymbol("[", 1))) {
      ++at_;
      op = "cup";
    }
    if (op.empty()) break;
    NodePtr right = Ratio();
    if (right == nullptr) return nullptr;
    // {1,3} \cup {2,4}: beside an operator of sets, braces hold one.
    const auto as_set = [](NodePtr node) {
      if (node->kind == Kind::kNumber) return MakeNode(Kind::kSet, {node});
      return node->kind == Kind::kList ? MakeNode(Kind::kSet, node->args)
                                       : node;
    };
    left = MakeNode(Kind::kUnion, {as_set(left), as_set(right)}, op);
  }
  return left == nullptr ? nullptr : AsDifference(left);
}

NodePtr Parser::Ratio() {
  NodePtr first = Quantity();
  if (first == nullptr) return nullptr;
  // 3 to 4
  if (first->kind == Kind::kNumber && Peek().text == "to" &&
      Peek().kind == TokenKind::kText && Peek(1).kind == TokenKind::kNumber) {
    ++at_;
    return MakeNode(Kind::kRatio, {first, Quantity()});
  }
  // {x : x > 2}
  const bool is_condition = context_.in_set && (first->kind == Kind::kSymbol ||
                                                first->kind == Kind::kTuple);
  if (!IsSymbol(":") || is_condition) return first;
  std::vector<NodePtr> parts = {first};
  while (Take(":")) {
    NodePtr part = Quantity();
    if (part == nullptr) return nullptr;
    parts.push_back(std::move(part));
  }
  if (parts.size() == 2 && parts[0]->kind == Kind::kText) {
    return Labelled(parts[0]->name, parts[1]);
  }
  // 4:30 p.m.: the marker belongs to the time, not to its minutes.
  std::string marker;
  if (parts.back()->kind == Kind::kQuantity) {
    marker = parts.back()->name;
    parts.back() = parts.back()->args[0];
  }
  NodePtr ratio = MakeNode(Kind::kRatio, std::move(parts));
  return marker.empty() ? ratio : MakeNode(Kind::kQuantity, {ratio}, marker);
}

// "Area: 5" names what 5 is, as "Area = 5" does; "Answer: 5" says nothing.
NodePtr Parser::Labelled(const std::string& label, NodePtr value) {
  if (!CanLabel(label)) return Fail("what a value is called");
  if (IsEmptyLabel(label)) return value;
  auto relation = std::make_shared<Node>(Node{Kind::kRelation});
  relation->args = {MakeNode(Kind::kText, {}, label), std::move(value)};
  relation->ops = {"="};
  return relation;
}

// The currency whose sign or code stands here; empty: none.
std::string Parser::Currency(size_t ahead) const {
  const Token& token = Peek(ahead);
  if (token.kind != TokenKind::kSymbol) return "";
  return token.text == "$" ? "dollar" : CurrencyOfWord(token.text);
}

NodePtr Parser::Quantity() {
  const bool is_negative = IsSymbol("-") && !Currency(1).empty();
  const std::string currency = Currency(is_negative ? 1 : 0);
  if (!currency.empty()) {
    at_ += is_negative ? 2 : 1;
    NodePtr amount = Infix();
    if (amount == nullptr) return nullptr;
    if (is_negative) amount = MakeNode(Kind::kNegate, {amount});
    NodePtr quantity = WithUnit(amount);
    if (quantity == nullptr) return nullptr;
    if (quantity->kind == Kind::kRelation) {  // $5 for adults
      return Labelled(quantity->args[0]->name,
                      MakeNode(Kind::kQuantity, {quantity->args[1]}, currency));
    }
    if (quantity->kind == Kind::kQuantity) {
      if (CanonicalUnit(quantity->name).empty()) {  // $5 each
        return MakeNode(Kind::kQuantity, {quantity->args[0]}, currency);
      }
      return quantity;
    }
    return MakeNode(Kind::kQuantity, {quantity}, currency);
  }
  NodePtr value = Infix();
  if (value == nullptr) return nullptr;
  return WithUnit(std::move(value));
}

// "mod" in one of its spellings.
bool Parser::IsModulus(size_t ahead) const {
  const Token& token = Peek(ahead);
  return token.text == "mod" || token.text == "bmod" || token.text == "pmod";
}

// What stands behind `value`: "(mod 7)" and \pmod{7} make it a class, called
// "mod"; "mod 7" and \bmod 7 a remainder, called "bmod".
NodePtr Parser::Modulus(NodePtr value) {
  const bool is_group = IsSymbol("(") && IsModulus(1);
  if (!is_group && !IsModulus()) return value;
  if (is_group) ++at_;
  const bool is_class = is_group || Peek().text == "pmod";
  ++at_;
  NodePtr modulus =
      is_class && !is_group
          ? (Peek().kind == TokenKind::kNumber ? Number() : MacroArgument())
          : Sum();
  if (modulus == nullptr || (is_group && !Expect(")"))) return nullptr;
  return MakeNode(Kind::kCall, {value, modulus}, is_class ? "mod" : "bmod");
}

// {a \over b}, {n \choose k}: all of the group on either side.
NodePtr Parser::Infix() {
  NodePtr left = Sum();
  if (left == nullptr) return nullptr;
  left = Modulus(std::move(left));
  if (left == nullptr) return nullptr;
  const bool is_over = IsCommand("over");
  if (!is_over && !IsCommand("choose")) return left;
  ++at_;
  return is_over ? MakeNode(Kind::kDivide, {left, Sum()})
                 : MakeNode(Kind::kCall, {left, Sum()}, "binom");
}

// "for k \in \mathbb{Z}", "(k \in \mathbb{Z})": what the letters of a family
// are.
void Parser::SkipQualifier() {
  const Depth depth(this);
  if (depth_ > kMaxDepth) return;
  size_t begin = at_;
  if (Peek().kind == TokenKind::kText) {
    if (Peek().text != "for" && Peek().text != "where" &&
        Peek().text != "with") {
      return;
    }
    while (tokens_[begin].kind == TokenKind::kText) ++begin;
  } else if (!IsSymbol("(")) {
    return;
  }
  const bool is_group = tokens_[begin].text == "(";
  if (is_group) ++begin;
  if (tokens_[begin].kind != TokenKind::kName ||
      tokens_[begin + 1].text != "in") {
    return;
  }
  at_ = begin;
  if (Element() != nullptr && is_group) Expect(")");
}

NodePtr Parser::WithUnit(NodePtr value) {
  if (value->kind == Kind::kText) {
    // "The point (2, 3)"
    if (!IsSymbol("(") || !MayIntroduce(value->name)) return value;
    const size_t before = at_;
    NodePtr point = Bracket();
    if (point == nullptr || point->kind == Kind::kTuple) return point;
    at_ = before;
    return value;
  }
  if (Peek().kind == TokenKind::kText && Peek().text == "to") return value;
  if (value->kind != Kind::kNumber) SkipQualifier();
  if (Peek().kind == TokenKind::kText && ScaleWord(Peek().text).has_value()) {
    value = MakeNode(
        Kind::kProduct,
        {value,
         MakeNumber(mpq_class(static_cast<long>(*ScaleWord(Peek().text))))});
    ++at_;
  }
  const std::string unit = Unit();
  if (unit.empty()) return value;
  // 5 for adults, 5 dollars for adults.
  const size_t label = absl::StrCat(" ", unit).find(" for ");
  if (label != std::string::npos) {
    const std::string before = label == 0 ? "" : unit.substr(0, label - 1);
    if (!before.empty() && !CanBeUnit(before)) return Fail("a unit");
    if (!before.empty()) value = MakeNode(Kind::kQuantity, {value}, before);
    return Labelled(unit.substr(label + 4), value);
  }
  const std::string canonical = CanonicalUnit(unit);
  if (canonical == "percent") return MakeNode(Kind::kPercent, {value});
  if (canonical == "degree") return MakeNode(Kind::kDegrees, {value});
  if (!CanBeUnit(unit)) return Fail("a unit");
  return MakeNode(Kind::kQuantity, {value}, unit);
}

// ^2, ^{-1} after a unit, as "^2"; empty: none.
std::string Parser::UnitPower() {
  if (!IsSymbol("^")) return "";
  const bool is_group = IsSymbol("{", 1);
  size_t next = is_group ? 2 : 1;
  const bool is_negative = IsSymbol("-", next);
  if (is_negative) ++next;
  const Token& digits = Peek(next);
  const bool is_number = digits.kind == TokenKind::kNumber ||
                         digits.kind == TokenKind::kText;  // ^\text{2}
  if (!is_number || (is_group && !IsSymbol("}", next + 1))) return "";
  at_ += next + (is_group ? 2 : 1);
  return absl::StrCat("^", is_negative ? "-" : "", digits.text);
}

std::string Parser::Unit() {
  const Depth depth(this);
  if (depth_ > 4 * kMaxDepth) return "?";
  std::string unit;
  for (;;) {
    if (Peek().kind == TokenKind::kText) {
      absl::StrAppend(&unit, unit.empty() ? "" : " ", Peek().text);
      ++at_;
      absl::StrAppend(&unit, UnitPower());
    } else if (!unit.empty() && (IsSymbol("/") || IsSymbol("*")) &&
               Peek(1).kind == TokenKind::kText) {
      if (IsSymbol("/")) unit += "/";
      ++at_;
    } else if (!unit.empty() && IsSymbol("/") && IsSymbol("(", 1) &&
               Peek(2).kind == TokenKind::kText) {
      at_ += 2;
      const std::string below = Unit();
      if (!Take(")")) return "?";
      absl::StrAppend(&unit, "/(", below, ")");
    } else if (unit.empty() && !Currency().empty()) {
      unit = Currency();
      ++at_;
      return unit;
    } else {
      return unit;
    }
  }
}

}  // namespace r1::math
