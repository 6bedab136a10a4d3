// Equations and inequalities.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "reward/math/compare.h"
#include "reward/math/evaluator.h"
#include "reward/math/nouns.h"
#include "reward/math/parameter.h"
#include "reward/math/polynomial.h"
#include "reward/math/rational_value.h"
#include "reward/math/real_set.h"

namespace r1::math {
namespace {

bool IsLongName(const Node& node) {
  return node.kind == Kind::kSymbol && node.name.size() > 1;
}

// \tan\theta, which names a value where that has no variable.
bool IsTrigonometric(const Node& node) {
  static constexpr absl::string_view kNames[] = {"sin", "cos", "tan",
                                                 "cot", "sec", "csc"};
  return node.kind == Kind::kCall && node.args[0]->kind == Kind::kSymbol &&
         std::find(std::begin(kNames), std::end(kNames), node.name) !=
             std::end(kNames);
}

// What a name may look like: x, x_1, f(x), |AB|, AB/CD, A:B, (p, q), words,
// m \angle A, dy/dx.
bool CanBeName(const Node& node) {
  switch (node.kind) {
    case Kind::kText:
      return CanLabel(node.name);
    case Kind::kSymbol:
      return true;
    case Kind::kCall:
      return node.name == "abs" ? IsLongName(*node.args[0])
                                : IsUnknown(node) || IsTrigonometric(node);
    case Kind::kDivide: {
      const auto is_differential = [](const Node& side) {
        return side.kind == Kind::kProduct &&
               side.args[0]->kind == Kind::kSymbol && side.args[0]->name == "d";
      };
      return (IsLongName(*node.args[0]) && IsLongName(*node.args[1])) ||
             (is_differential(*node.args[0]) && is_differential(*node.args[1]));
    }
    case Kind::kProduct:
      return node.args[0]->kind == Kind::kSymbol &&
             node.args[1]->kind == Kind::kSymbol &&
             absl::StartsWith(node.args[1]->name, "\\angle");
    case Kind::kRatio:
    case Kind::kTuple:
      return std::all_of(
          node.args.begin(), node.args.end(),
          [](const NodePtr& part) { return part->kind == Kind::kSymbol; });
    default:
      return false;
  }
}

bool Mentions(const Node& node, const Node& name) {
  const std::string key = StructuralKey(name);
  return AnyNode(node, [&](const Node& part) {
    return part.kind == name.kind && StructuralKey(part) == key;
  });
}

// f > 0 or f >= 0, f != 0: one step of a chain, towards greater.
struct Step {
  NodePtr difference;
  std::string op;
};

bool AsSteps(const Node& relation, std::vector<Step>* steps) {
  for (size_t i = 0; i < relation.ops.size(); ++i) {
    const std::string& op = relation.ops[i];
    NodePtr left = relation.args[i];
    NodePtr right = relation.args[i + 1];
    if (op[0] == '<') std::swap(left, right);
    if (op[0] != '<' && op[0] != '>' && op != "!=") return false;
    steps->push_back({Minus(left, right), op == "!="       ? op
                                          : op.size() == 2 ? ">="
                                                           : ">"});
  }
  return true;
}

// The right side of f(t) = ... with the x of f(x) in place of t.
NodePtr WithArgumentOf(const Node& name, const Node& other,
                       const NodePtr& value) {
  const auto has_letter = [](const Node& call) {
    return call.kind == Kind::kCall && call.args.size() == 1 &&
           call.args[0]->kind == Kind::kSymbol;
  };
  if (!has_letter(name) || !has_letter(other)) return value;
  // The two letters change places, so that f(t) = 2x stays apart.
  const NodePtr held = MakeNode(Kind::kSymbol, {}, "argument");
  const std::string& mine = name.args[0]->name;
  return WithValue(WithValue(WithValue(value, other.args[0]->name, held), mine,
                             other.args[0]),
                   "argument", name.args[0]);
}

bool IsInequality(const Node& node) {
  return node.kind == Kind::kRelation &&
         std::any_of(node.ops.begin(), node.ops.end(), [](const auto& op) {
           return op[0] == '<' || op[0] == '>' || op == "!=";
         });
}

}  // namespace

bool IsCongruence(const Node& node) {
  if (node.kind == Kind::kCall) return node.name == "mod";
  return node.kind == Kind::kRelation && node.ops.size() == 1 &&
         (node.ops[0] == "==" || node.ops[0] == "=") &&
         node.args[1]->kind == Kind::kCall && node.args[1]->name == "mod";
}

Assignment AsAssignment(const Node& node) {
  if (node.kind != Kind::kRelation) return {};
  // The last "=" before a first "~" ends at the value; x ~ 5 alone gives 5.
  size_t last = 0;
  for (size_t i = 0; i < node.ops.size(); ++i) {
    if (node.ops[i] == "~") {
      if (i == 0) last = 1;
      break;
    }
    if (node.ops[i] != "=") return {};
    last = i + 1;
  }
  if (last == 0) return {};
  for (const std::string& op : node.ops) {
    if (op != "=" && op != "~") return {};
  }
  Assignment assignment{node.args[0], node.args[last]};
  if (!CanBeName(*assignment.name)) {
    if (node.args.size() != 2 || !CanBeName(*node.args[1])) return {};
    std::swap(assignment.name, assignment.value);
  }
  if (Mentions(*assignment.value, *assignment.name) ||
      (IsTrigonometric(*assignment.name) && HasVariable(*assignment.value))) {
    return {};
  }
  return assignment;
}

bool Comparator::SameName(const Node& a, const Node& b) const {
  if (!options_.names_must_match) return true;
  if (a.kind == Kind::kText && b.kind == Kind::kText) {
    return SameLabel(a.name, b.name);
  }
  if (a.kind == Kind::kText || b.kind == Kind::kText) return true;
  // f(x) is the y of a graph; f, f(x) and f(t) name one function.
  const auto is_y = [](const Node& node) {
    return node.kind == Kind::kSymbol && node.name == "y";
  };
  const auto is_applied = [](const Node& node) {
    return node.kind == Kind::kCall ||
           (node.kind == Kind::kSymbol && absl::EndsWith(node.name, ")"));
  };
  if ((is_y(a) && is_applied(b)) || (is_y(b) && is_applied(a))) return true;
  if (a.kind == Kind::kCall || b.kind == Kind::kCall) return a.name == b.name;
  return StructuralKey(a) == StructuralKey(b);
}

// The same class by the same modulus, of one unknown where both name it.
Equality Comparator::CompareCongruences(const Node& gold, const Node& answer) {
  const bool gold_is_named = gold.kind == Kind::kRelation;
  const bool answer_is_named = answer.kind == Kind::kRelation;
  if (gold_is_named && answer_is_named &&
      !SameName(*gold.args[0], *answer.args[0])) {
    return Equality::kDifferent;
  }
  const Node& mine = gold_is_named ? *gold.args[1] : gold;
  const Node& theirs = answer_is_named ? *answer.args[1] : answer;
  const Equality same_modulus = Compare(*mine.args[1], *theirs.args[1]);
  if (same_modulus != Equality::kEqual) return same_modulus;
  const auto modulus = RationalValue(*mine.args[1], budget_);
  const auto a = RationalValue(*mine.args[0], budget_);
  const auto b = RationalValue(*theirs.args[0], budget_);
  if (modulus.has_value() && *modulus != 0 && a.has_value() && b.has_value()) {
    const mpq_class turns = (*a - *b) / *modulus;
    return turns.get_den() == 1 ? Equality::kEqual : Equality::kDifferent;
  }
  return Compare(*mine.args[0], *theirs.args[0]);
}

// x = 5 = 6 gives two values, and so does y = x^2 = 2x. Members with different
// letters or with functions that are not known may be anything, as may the
// sides of x + 1 = 2x = 4.
bool Comparator::ContradictsItself(const Node& chain) {
  if (chain.ops.size() < 2) return false;
  const bool has_name = AsAssignment(chain).value != nullptr;
  // Of the members so far, the last with these letters.
  std::map<std::set<std::string>, const Node*> values;
  for (size_t i = has_name ? 1 : 0; i < chain.args.size(); ++i) {
    if (i > 0 && chain.ops[i - 1] != "=") values.clear();
    const Node& member = *chain.args[i];
    const bool is_open = AnyNode(member, [](const Node& part) {
      return part.kind == Kind::kText ||
             (part.kind == Kind::kCall && !IsKnownFunction(part.name));
    });
    if (is_open || (HasVariable(member) && !has_name)) continue;
    const Node*& value = values[Letters(member)];
    if (value != nullptr && !MayBeEqual(*value, member)) return true;
    value = &member;
  }
  return false;
}

// The gold is not a relation, the answer is.
Equality Comparator::CompareWithRelation(const Node& gold, const Node& answer) {
  if (answer.ops.size() == 1 && answer.ops[0] == "in") {
    return IsUnknown(*answer.args[0]) ? Compare(gold, *answer.args[1])
                                      : Equality::kDifferent;
  }
  // 1/3 ~ 0.33 says 1/3.
  if (answer.ops[0] == "~" && !HasVariable(*answer.args[0])) {
    return Compare(gold, *answer.args[0]);
  }
  if (IsInequality(answer)) {
    const bool is_set = gold.kind == Kind::kInterval ||
                        gold.kind == Kind::kUnion || IsConditionSet(gold) ||
                        (gold.kind == Kind::kTuple && gold.args.size() == 2);
    if (!is_set || !options_.inequalities_are_sets) return Equality::kDifferent;
    return CompareInterval(gold, answer);
  }
  const Assignment assignment = AsAssignment(answer);
  if (assignment.value != nullptr) {
    // y = 2x for the gold 2x, but not x = 2x or x for the gold x.
    if (Mentions(gold, *assignment.name)) return Equality::kDifferent;
    return Compare(gold, *assignment.value);
  }
  // 2 + 3 = 5: every member must be the gold.
  if (std::any_of(answer.ops.begin(), answer.ops.end(),
                  [](const auto& op) { return op != "="; }) ||
      HasVariable(answer)) {
    return Equality::kDifferent;
  }
  for (const NodePtr& member : answer.args) {
    const Equality equal = Compare(gold, *member);
    if (equal != Equality::kEqual) return equal;
  }
  return Equality::kEqual;
}

Equality Comparator::CompareRelation(const Node& gold, const Node& answer) {
  const Assignment mine = AsAssignment(gold);
  const bool is_relation = answer.kind == Kind::kRelation;
  if (mine.value != nullptr) {
    // {3} for n = 3.
    if (answer.kind == Kind::kSet && answer.args.size() == 1 &&
        mine.value->kind != Kind::kSet) {
      return Compare(*mine.value, *answer.args[0]);
    }
    if (!is_relation) {
      // The bare right side, but for x = x.
      return Mentions(answer, *mine.name) ? Equality::kDifferent
                                          : Compare(*mine.value, answer);
    }
    const Assignment other = AsAssignment(answer);
    if (other.value != nullptr && SameName(*mine.name, *other.name)) {
      const Equality equal = Compare(
          *mine.value, *WithArgumentOf(*mine.name, *other.name, other.value));
      if (equal == Equality::kEqual) return equal;
    }
    return CompareEquations(gold, answer);
  }
  if (gold.ops.size() == 1 && gold.ops[0] == "in") {
    if (!is_relation) return Compare(*gold.args[1], answer);
    if (answer.ops == gold.ops) {
      if (!SameName(*gold.args[0], *answer.args[0]))
        return Equality::kDifferent;
      return Compare(*gold.args[1], *answer.args[1]);
    }
    return CompareWithRelation(*gold.args[1], answer);
  }
  if (IsInequality(gold)) return CompareInequalities(gold, answer);
  // 0.56 = 56%: constants that say one value in two ways.
  if (!HasVariable(gold) && !is_relation) return Compare(*gold.args[0], answer);
  if (!is_relation) return Equality::kDifferent;
  if (gold.ops[0] == "==" || answer.ops[0] == "==") {
    return gold.ops == answer.ops ? CompareArgs(gold, answer)
                                  : Equality::kDifferent;
  }
  return CompareEquations(gold, answer);
}

Equality Comparator::CompareEquations(const Node& gold, const Node& answer) {
  if (gold.ops.size() != 1 || answer.ops.size() != 1 || gold.ops[0] != "=" ||
      answer.ops[0] != "=") {
    return gold.ops == answer.ops ? CompareArgs(gold, answer)
                                  : Equality::kDifferent;
  }
  const NodePtr f = Minus(gold.args[0], gold.args[1]);
  const NodePtr g = Minus(answer.args[0], answer.args[1]);
  Budget quarter = budget_->Quarter();
  Equality equal = CompareAsEquations(*f, *g, &quarter);
  budget_->Charge(quarter);
  if (equal == Equality::kUnknown) {
    equal = math::CompareRatio(*f, *g, /*same_sign=*/false, sampling_, budget_);
  }
  if (equal == Equality::kEqual) return equal;
  // Sides that are no scalars: member by member.
  const Equality sides = CompareArgs(gold, answer);
  return sides == Equality::kEqual ? sides : equal;
}

Equality Comparator::CompareInequalities(const Node& gold, const Node& answer) {
  std::vector<Step> mine, theirs;
  if (answer.kind == Kind::kRelation && AsSteps(gold, &mine) &&
      AsSteps(answer, &theirs) && mine.size() == theirs.size()) {
    std::vector<bool> is_taken(theirs.size(), false);
    size_t num_found = 0;
    for (const Step& step : mine) {
      for (size_t i = 0; i < theirs.size(); ++i) {
        if (is_taken[i] || theirs[i].op != step.op ||
            math::CompareRatio(*step.difference, *theirs[i].difference,
                               step.op != "!=", sampling_,
                               budget_) != Equality::kEqual) {
          continue;
        }
        is_taken[i] = true;
        ++num_found;
        break;
      }
    }
    if (num_found == mine.size()) return Equality::kEqual;
  }
  // Two inequalities of x are compared as sets whatever the policy.
  if (answer.kind != Kind::kRelation && !options_.inequalities_are_sets) {
    return Equality::kDifferent;
  }
  if (answer.kind == Kind::kRelation && IsInequality(answer)) {
    const auto has_no_name = [](const NodePtr& arg) {
      return !HasVariable(*arg);
    };
    const auto a =
        std::find_if_not(gold.args.begin(), gold.args.end(), has_no_name);
    const auto b =
        std::find_if_not(answer.args.begin(), answer.args.end(), has_no_name);
    if (a == gold.args.end() || b == answer.args.end() || !SameName(**a, **b)) {
      return Equality::kDifferent;
    }
  }
  return CompareInterval(gold, answer);
}

}  // namespace r1::math
