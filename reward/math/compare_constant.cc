// Arbitrary constants: of antiderivatives, x^2 + C, and of the solutions of
// differential equations, C e^x. They may be called and chosen otherwise.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "reward/math/compare.h"
#include "reward/math/evaluator.h"
#include "reward/math/parameter.h"

namespace r1::math {
namespace {

constexpr size_t kMaxConstants = 3;

using Names = std::set<std::string>;

bool IsNumbered(const std::string& name) {
  return absl::StartsWith(name, "C_") || absl::StartsWith(name, "c_");
}

// What an arbitrary constant may be called in an answer.
bool MayBeConstant(const std::string& name) {
  return IsNumbered(name) ||
         (name.size() == 1 && absl::StrContains("ABCDKabck", name));
}

// The letter that things are integrated by.
bool IsIntegrationVariable(const std::string& name) {
  return name.size() == 1 && absl::StrContains("xtuyzsrvw", name);
}

// Whether e^x, a sine or the like of a variable occurs, as in the solutions of
// differential equations.
bool HasSolutionShape(const Node& node) {
  return AnyNode(node, [](const Node& part) {
    const bool is_exponential =
        part.kind == Kind::kPower && part.args[0]->kind == Kind::kConstant &&
        part.args[0]->name == "e" && HasVariable(*part.args[1]);
    const bool is_call =
        part.kind == Kind::kCall && HasVariable(part) &&
        (part.name == "exp" || part.name == "sin" || part.name == "cos" ||
         part.name == "sinh" || part.name == "cosh");
    return is_exponential || is_call;
  });
}

}  // namespace

// The gold is f(x) + C. The answer g(x, C) is another antiderivative where
// g(x, 2) - f(x) and g(x, 3) - f(x) are two different constants: x^2 + 5 + K,
// or ln|Cx| for ln|x| + C.
bool Comparator::IsAntiderivative(const Node& gold, const Node& answer) {
  if (gold.kind != Kind::kSum) return false;
  const auto constant =
      std::find_if(gold.args.begin(), gold.args.end(), [](const auto& term) {
        return term->kind == Kind::kSymbol && term->name == "C";
      });
  if (constant == gold.args.end()) return false;
  auto rest = std::make_shared<Node>(gold);
  rest->args.erase(rest->args.begin() + (constant - gold.args.begin()));
  const Names letters = Letters(*rest);
  const auto num_variables =
      std::count_if(letters.begin(), letters.end(), IsIntegrationVariable);
  if (letters.contains("C") || num_variables != 1 || letters.size() > 2) {
    return false;
  }
  Names free;
  for (const std::string& name : Letters(answer)) {
    if (!letters.contains(name)) free.insert(name);
  }
  if (free.size() != 1 || !MayBeConstant(*free.begin())) return false;
  const auto family = std::make_shared<Node>(answer);
  const auto at = [&](int value) {
    return WithValue(family, *free.begin(), MakeNumber(value));
  };
  const auto is_constant = [&](const NodePtr& difference) {
    // One is a multiple of a constant where it is one, or 0.
    return CompareScalar(*difference, *MakeNumber(0)) == Equality::kEqual ||
           math::CompareRatio(*difference, *MakeNumber(1), /*same_sign=*/false,
                              sampling_, budget_) == Equality::kEqual;
  };
  return is_constant(Minus(at(2), rest)) && is_constant(Minus(at(3), rest)) &&
         CompareScalar(*at(2), *at(3)) == Equality::kDifferent;
}

// The same with the gold's constants under the answer's names, in any order.
bool Comparator::EqualUpToConstants(const Node& gold, const Node& answer) {
  if (IsAntiderivative(gold, answer)) return true;
  const Names letters = Letters(gold);
  Names constants;
  for (const std::string& name : letters) {
    if (IsNumbered(name)) constants.insert(name);
  }
  if (constants.empty() && letters.contains("C")) constants.insert("C");
  if (constants.empty() || constants.size() > kMaxConstants ||
      !HasSolutionShape(gold)) {
    return false;
  }
  std::vector<std::string> names;
  for (const std::string& name : Letters(answer)) {
    if (!letters.contains(name) || constants.contains(name)) {
      names.push_back(name);
    }
  }
  if (names.size() != constants.size() ||
      !std::all_of(names.begin(), names.end(), MayBeConstant)) {
    return false;
  }
  do {  // by names of their own, so that C_1 and C_2 can change places
    NodePtr renamed = std::make_shared<Node>(answer);
    NodePtr original = std::make_shared<Node>(gold);
    size_t i = 0;
    for (const std::string& constant : constants) {
      const NodePtr own =
          MakeNode(Kind::kSymbol, {}, "constant " + std::to_string(i));
      original = WithValue(original, constant, own);
      renamed = WithValue(renamed, names[i++], own);
    }
    if (CompareScalar(*original, *renamed) == Equality::kEqual) return true;
  } while (std::next_permutation(names.begin(), names.end()));
  return false;
}

}  // namespace r1::math
