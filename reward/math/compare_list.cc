// Lists and sets, and what a tree is written out to before it is compared.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "reward/math/compare.h"
#include "reward/math/evaluator.h"
#include "reward/math/nouns.h"
#include "reward/math/parse.h"
#include "reward/math/real_set.h"

namespace r1::math {
namespace {

constexpr size_t kMaxElements = 200;
constexpr int kMaxFoldedNodes = 20000;

// The tree with its plus-minus signs as + (sign 1) or - (sign -1).
NodePtr WithSign(const NodePtr& node, int sign) {
  if (!HasKind(*node, Kind::kPlusMinus)) return node;
  auto copy = std::make_shared<Node>(*node);
  for (NodePtr& arg : copy->args) arg = WithSign(arg, sign);
  if (copy->kind != Kind::kPlusMinus) return copy;
  NodePtr last = copy->args.back();
  if ((copy->name == "+-") != (sign > 0)) {
    last = MakeNode(Kind::kNegate, {last});
  }
  if (copy->args.size() == 1) return last;
  return MakeNode(Kind::kSum, {copy->args[0], last});
}

void AppendExpanded(const NodePtr& node, std::vector<NodePtr>* elements) {
  if (HasKind(*node, Kind::kPlusMinus)) {
    elements->push_back(WithSign(node, 1));
    elements->push_back(WithSign(node, -1));
  } else {
    elements->push_back(node);
  }
}

bool IsTranspose(const Node& node) {
  return node.kind == Kind::kPower && node.args[1]->kind == Kind::kSymbol &&
         node.args[1]->name == "T";
}

NodePtr Transposed(const Node& matrix) {
  auto result = std::make_shared<Node>(matrix);
  std::swap(result->rows, result->cols);
  for (int row = 0; row < matrix.rows; ++row) {
    for (int col = 0; col < matrix.cols; ++col) {
      result->args[col * matrix.rows + row] =
          matrix.args[row * matrix.cols + col];
    }
  }
  return result;
}

// By the first row; null beyond 4 rows.
NodePtr Determinant(const Node& matrix) {
  const int n = matrix.rows;
  if (n != matrix.cols || n > 4) return nullptr;
  if (n == 1) return matrix.args[0];
  std::vector<NodePtr> terms;
  for (int col = 0; col < n; ++col) {
    auto minor = std::make_shared<Node>(Node{Kind::kMatrix});
    minor->rows = minor->cols = n - 1;
    for (int i = n; i < n * n; ++i) {
      if (i % n != col) minor->args.push_back(matrix.args[i]);
    }
    NodePtr term =
        MakeNode(Kind::kProduct, {matrix.args[col], Determinant(*minor)});
    terms.push_back(col % 2 == 0 ? term : MakeNode(Kind::kNegate, {term}));
  }
  return MakeNode(Kind::kSum, std::move(terms));
}

// Whether the tree has more nodes than a worked-out one may: with every product
// of matrices the entries grow by a factor.
bool IsTooLarge(const Node& node) {
  int num_nodes = 0;
  return AnyNode(node, [&num_nodes](const Node& /*part*/) {
    return ++num_nodes > kMaxFoldedNodes;
  });
}

// A sum, a product, a transpose or a determinant of matrices, worked out; null
// for other trees.
NodePtr Folded(const Node& node) {
  if (IsTranspose(node)) {
    return node.args[0]->kind == Kind::kMatrix ? Transposed(*node.args[0])
                                               : node.args[0];
  }
  if (node.kind == Kind::kCall && node.args[0]->kind == Kind::kMatrix &&
      (node.name == "det" || node.name == "abs")) {
    return Determinant(*node.args[0]);
  }
  if (node.kind == Kind::kNegate && node.args[0]->kind == Kind::kMatrix) {
    auto matrix = std::make_shared<Node>(*node.args[0]);
    for (NodePtr& entry : matrix->args)
      entry = MakeNode(Kind::kNegate, {entry});
    return matrix;
  }
  if (node.args.size() != 2) return nullptr;
  const Node& a = *node.args[0];
  const Node& b = *node.args[1];
  if (a.kind != Kind::kMatrix && b.kind != Kind::kMatrix) return nullptr;
  if (node.kind == Kind::kSum) {
    if (a.kind != b.kind || a.rows != b.rows || a.cols != b.cols) {
      return nullptr;
    }
    auto sum = std::make_shared<Node>(a);
    for (size_t i = 0; i < sum->args.size(); ++i) {
      sum->args[i] = MakeNode(Kind::kSum, {a.args[i], b.args[i]});
    }
    return sum;
  }
  if (node.kind == Kind::kDivide && a.kind == Kind::kMatrix &&
      !HasKind(b, Kind::kMatrix)) {
    auto quotient = std::make_shared<Node>(a);
    for (NodePtr& entry : quotient->args) {
      entry = MakeNode(Kind::kDivide, {entry, node.args[1]});
    }
    return quotient;
  }
  if (node.kind != Kind::kProduct) return nullptr;
  if (a.kind != b.kind) {
    // A scalar, not a product that was left as it is.
    if (HasKind(a.kind == Kind::kMatrix ? b : a, Kind::kMatrix)) return nullptr;
    const bool is_left = a.kind == Kind::kMatrix;
    auto product = std::make_shared<Node>(is_left ? a : b);
    for (NodePtr& entry : product->args) {
      entry = MakeNode(Kind::kProduct, {node.args[is_left ? 1 : 0], entry});
    }
    return product;
  }
  if (a.cols != b.rows || a.args.size() * b.cols > kMaxElements) return nullptr;
  auto product = std::make_shared<Node>(Node{Kind::kMatrix});
  product->rows = a.rows;
  product->cols = b.cols;
  for (int row = 0; row < a.rows; ++row) {
    for (int col = 0; col < b.cols; ++col) {
      std::vector<NodePtr> terms;
      for (int k = 0; k < a.cols; ++k) {
        terms.push_back(MakeNode(Kind::kProduct, {a.args[row * a.cols + k],
                                                  b.args[k * b.cols + col]}));
      }
      product->args.push_back(MakeNode(Kind::kSum, std::move(terms)));
    }
  }
  return product;
}

}  // namespace

NodePtr Expand(const NodePtr& node) {
  const bool has_matrix = HasKind(*node, Kind::kMatrix);
  // (1, 2)^T and [1, 2]^T are columns like (1, 2).
  const bool is_vector =
      IsTranspose(*node) && (node->args[0]->kind == Kind::kTuple ||
                             node->args[0]->kind == Kind::kInterval);
  if (is_vector ||
      (has_matrix &&
       (node->kind == Kind::kSum || node->kind == Kind::kProduct ||
        node->kind == Kind::kNegate || node->kind == Kind::kRelation ||
        node->kind == Kind::kDivide || node->kind == Kind::kCall ||
        IsTranspose(*node)))) {
    auto copy = std::make_shared<Node>(*node);
    for (NodePtr& arg : copy->args) arg = Expand(arg);
    const NodePtr folded = Folded(*copy);
    return folded == nullptr || IsTooLarge(*folded) ? copy : folded;
  }
  if (!HasKind(*node, Kind::kPlusMinus)) return node;
  if (node->kind == Kind::kList || node->kind == Kind::kSet) {
    auto copy = std::make_shared<Node>(*node);
    copy->args.clear();
    for (const NodePtr& element : node->args) {
      AppendExpanded(element, &copy->args);
    }
    return copy;
  }
  // x = {a, -a}: the braces hold the list.
  std::vector<NodePtr> elements;
  AppendExpanded(node, &elements);
  return MakeNode(Kind::kList, std::move(elements));
}

// Each element of one side equals one of the other that is still free.
Equality Comparator::Match(const std::vector<NodePtr>& gold,
                           const std::vector<NodePtr>& answer) {
  if (gold.size() != answer.size()) return Equality::kDifferent;
  if (gold.size() > kMaxElements) return Equality::kUnknown;
  std::vector<bool> is_taken(answer.size(), false);
  for (size_t i = 0; i < gold.size(); ++i) {
    bool is_found = false;
    bool is_unknown = false;
    // The same place first: lists mostly come in the same order.
    for (size_t k = 0; k < answer.size() && !is_found; ++k) {
      const size_t j = (i + k) % answer.size();
      if (is_taken[j]) continue;
      const Equality equal = Compare(*gold[i], *answer[j]);
      is_unknown |= equal == Equality::kUnknown;
      if (equal != Equality::kEqual) continue;
      is_taken[j] = true;
      is_found = true;
    }
    if (!is_found) {
      return is_unknown ? Equality::kUnknown : Equality::kDifferent;
    }
  }
  return Equality::kEqual;
}

std::vector<NodePtr> Comparator::Distinct(
    const std::vector<NodePtr>& elements) {
  std::vector<NodePtr> distinct;
  for (const NodePtr& element : elements) {
    const bool is_new =
        elements.size() > kMaxElements ||
        std::none_of(distinct.begin(), distinct.end(), [&](const auto& other) {
          return Compare(*other, *element) == Equality::kEqual;
        });
    if (is_new) distinct.push_back(element);
  }
  return distinct;
}

Equality Comparator::CompareSet(const Node& gold, const Node& answer) {
  if (answer.kind == Kind::kUnion || IsConditionSet(gold) ||
      IsConditionSet(answer)) {
    return CompareInterval(gold, answer);
  }
  if (answer.kind != Kind::kSet && answer.kind != Kind::kList) {
    // {5} is the solution 5.
    return gold.args.size() == 1 ? Compare(*gold.args[0], answer)
                                 : Equality::kDifferent;
  }
  return Match(Distinct(gold.args), Distinct(answer.args));
}

// x_1 = 2, x_2 = -5: one letter with numbers below it, as the roots of an
// equation are named.
bool AreRoots(const Node& list) {
  return list.kind == Kind::kList &&
         std::all_of(list.args.begin(), list.args.end(), [&](const auto& arg) {
           const Assignment assignment = AsAssignment(*arg);
           return assignment.name != nullptr &&
                  assignment.name->kind == Kind::kSymbol &&
                  assignment.name->name.size() > 3 &&
                  assignment.name->name[1] == '_' &&
                  absl::ascii_isdigit(assignment.name->name[3]);
         });
}

// "12 apples" as "apples = 12"; other elements as they are.
NodePtr AsLabelled(const NodePtr& node) {
  const std::string noun =
      node->kind == Kind::kQuantity ? CountedNoun(node->name) : "";
  if (noun.empty()) return node;
  auto relation = std::make_shared<Node>(Node{Kind::kRelation});
  relation->args = {MakeNode(Kind::kText, {}, noun), node->args[0]};
  relation->ops = {"="};
  return relation;
}

// What an element is called: the name of an assignment, or what a quantity
// counts or measures; empty: nothing.
std::string LabelOf(const Node& node) {
  if (node.kind == Kind::kQuantity) return UnitOrNoun(node.name);
  const Assignment assignment = AsAssignment(node);
  if (assignment.name == nullptr) return "";
  return assignment.name->kind == Kind::kText ? TextForm(assignment.name->name)
                                              : StructuralKey(*assignment.name);
}

bool IsCalledByWords(const Node& node) {
  const Assignment assignment = AsAssignment(node);
  return assignment.name == nullptr || assignment.name->kind == Kind::kText;
}

// Values with different names: a = 1, b = 2; 12 apples, 7 pears. By name where
// the answer names them too and in the same way, otherwise in this order.
Equality Comparator::CompareNamed(const Node& gold, const Node& answer) {
  if (answer.args.size() != gold.args.size()) return Equality::kDifferent;
  const auto labelled = [](const Node& list) {
    auto copy = std::make_shared<Node>(list);
    for (NodePtr& element : copy->args) element = AsLabelled(element);
    return copy;
  };
  const auto mine = labelled(gold);
  const auto theirs = labelled(answer);
  const bool by_words = IsCalledByWords(*mine->args[0]);
  const bool is_named = std::all_of(
      theirs->args.begin(), theirs->args.end(), [&](const NodePtr& node) {
        return !LabelOf(*node).empty() && IsCalledByWords(*node) == by_words;
      });
  return is_named ? Match(mine->args, theirs->args)
                  : CompareArgs(*mine, *theirs);
}

Equality Comparator::CompareList(const Node& gold, const Node& answer) {
  std::vector<std::string> names;
  for (const NodePtr& element : gold.args) {
    std::string label = LabelOf(*element);
    if (!label.empty()) names.push_back(std::move(label));
  }
  std::sort(names.begin(), names.end());
  const bool is_named =
      names.size() == gold.args.size() && names.size() > 1 &&
      std::adjacent_find(names.begin(), names.end()) == names.end() &&
      !(AreRoots(gold) && !AreRoots(answer));
  const bool is_plain_list = answer.kind == Kind::kList;
  if (is_named &&
      (is_plain_list || (answer.kind == Kind::kTuple && answer.name.empty()))) {
    return CompareNamed(gold, answer);
  }
  // A set does not say which value has which name.
  if (is_named && answer.kind == Kind::kSet) return Equality::kDifferent;
  if (options_.inequalities_are_sets) {
    const auto p = RealSet::From(gold, budget_);
    const auto q = p.has_value() ? RealSet::From(answer, budget_) : p;
    if (p.has_value() && !q.has_value() && !gold.name.empty()) {
      return Equality::kDifferent;
    }
    if (q.has_value()) {
      const auto equal = RealSet::Equal(*p, *q, budget_);
      if (!equal.has_value()) return Equality::kUnknown;
      return *equal ? Equality::kEqual : Equality::kDifferent;
    }
  }
  // (x, y) = {a, b}, x = {1, 2}: the name stands before the list.
  if (answer.kind == Kind::kRelation) {
    if (answer.ops.size() == 1 && answer.ops[0] == "in" &&
        IsUnknown(*answer.args[0])) {
      return CompareList(gold, *answer.args[1]);
    }
    const Assignment assignment = AsAssignment(answer);
    if (assignment.value == nullptr) return Equality::kDifferent;
    return CompareList(gold, *assignment.value);
  }
  if (answer.kind == Kind::kSet) {
    return Match(Distinct(gold.args), Distinct(answer.args));
  }
  if (answer.kind == Kind::kUnion) {
    return CompareSet(*MakeNode(Kind::kSet, gold.args), answer);
  }
  if (!is_plain_list) return Equality::kDifferent;
  if (options_.list_order_matters) return CompareArgs(gold, answer);
  // An answer may repeat itself; a gold that does counts multiplicities.
  if (answer.args.size() > gold.args.size()) {
    if (Distinct(gold.args).size() == gold.args.size()) {
      return Match(gold.args, Distinct(answer.args));
    }
  }
  return Match(gold.args, answer.args);
}

}  // namespace r1::math
