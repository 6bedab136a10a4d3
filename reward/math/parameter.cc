#include "reward/math/parameter.h"

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace r1::math {

std::set<std::string> Letters(const Node& node) {
  std::set<std::string> names;
  AnyNode(node, [&](const Node& part) {
    if (part.kind == Kind::kSymbol) names.insert(part.name);
    return false;
  });
  return names;
}

NodePtr WithValue(const NodePtr& node, const std::string& name,
                  const NodePtr& value) {
  if (node->kind == Kind::kSymbol && node->name == name) return value;
  auto copy = std::make_shared<Node>(*node);
  for (NodePtr& arg : copy->args) arg = WithValue(arg, name, value);
  return copy;
}

NodePtr SpelledOut(const Node& node) {
  const auto is_name = [](const Node& part) {
    return part.kind == Kind::kSymbol && part.name.size() > 1 &&
           std::all_of(part.name.begin(), part.name.end(), absl::ascii_isupper);
  };
  if (!AnyNode(node, is_name)) return nullptr;
  const auto spell = [](const std::string& letters) {
    NodePtr product;
    for (const char letter : letters) {
      NodePtr factor = MakeNode(Kind::kSymbol, {}, std::string(1, letter));
      product = product == nullptr
                    ? factor
                    : MakeNode(Kind::kProduct, {product, factor});
    }
    return product;
  };
  if (is_name(node)) return spell(node.name);
  auto copy = std::make_shared<Node>(node);
  if (node.kind == Kind::kPower && is_name(*node.args[0])) {
    const std::string& name = node.args[0]->name;
    copy->args[0] = spell(name.substr(name.size() - 1));
    if (const NodePtr exponent = SpelledOut(*node.args[1])) {
      copy->args[1] = exponent;
    }
    return MakeNode(Kind::kProduct,
                    {spell(name.substr(0, name.size() - 1)), copy});
  }
  for (NodePtr& arg : copy->args) {
    if (NodePtr spelled = SpelledOut(*arg)) arg = std::move(spelled);
  }
  return copy;
}

std::optional<Family> AsFamily(const NodePtr& node) {
  const std::set<std::string> names = Letters(*node);
  const bool is_turning = AnyNode(*node, [](const Node& part) {
    return part.kind == Kind::kDegrees ||
           (part.kind == Kind::kConstant && part.name == "pi");
  });
  if (!is_turning || names.size() != 1 || names.begin()->size() != 1 ||
      !absl::StrContains("knmlj", *names.begin())) {
    return std::nullopt;
  }
  const auto at = [&](int k) {
    return WithValue(node, *names.begin(), MakeNumber(k));
  };
  const NodePtr first = at(0);
  return Family{first, Minus(at(1), first), at(2)};
}

}  // namespace r1::math
