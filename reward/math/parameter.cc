#include "reward/math/parameter.h"

#include <algorithm>
#include <memory>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"

namespace r1::math {

NodePtr WithValue(const NodePtr& node, const std::string& name,
                  const NodePtr& value) {
  if (node->kind == Kind::kSymbol && node->name == name) return value;
  auto copy = std::make_shared<Node>(*node);
  for (NodePtr& arg : copy->args) arg = WithValue(arg, name, value);
  return copy;
}

std::optional<Family> AsFamily(const NodePtr& node) {
  absl::flat_hash_set<std::string> names;
  bool is_turning = false;
  AnyNode(*node, [&](const Node& part) {
    if (part.kind == Kind::kSymbol) names.insert(part.name);
    is_turning |= part.kind == Kind::kDegrees ||
                  (part.kind == Kind::kConstant && part.name == "pi");
    return false;
  });
  if (!is_turning || names.size() != 1 || names.begin()->size() != 1 ||
      !absl::StrContains("knmlj", *names.begin())) {
    return std::nullopt;
  }
  const auto at = [&](int k) {
    return WithValue(node, *names.begin(), MakeNumber(k));
  };
  const NodePtr first = at(0);
  return Family{first,
                MakeNode(Kind::kSum, {at(1), MakeNode(Kind::kNegate, {first})}),
                at(2)};
}

}  // namespace r1::math
