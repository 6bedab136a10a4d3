#include "reward/math/real_set.h"

#include <algorithm>
#include <string>
#include <utility>

#include "reward/math/enclosure.h"
#include "reward/math/evaluator.h"

namespace r1::math {
namespace {

constexpr size_t kMaxPieces = 64;

// An end of an interval: null for an infinite one; *is_ok is false for what is
// no constant.
NodePtr End(const NodePtr& node, bool is_high, bool* is_ok) {
  const bool is_negative = node->kind == Kind::kNegate;
  const Node& inner = is_negative ? *node->args[0] : *node;
  if (inner.kind == Kind::kConstant && inner.name == "infinity") {
    *is_ok = *is_ok && is_negative != is_high;
    return nullptr;
  }
  if (HasVariable(*node)) *is_ok = false;
  return node;
}

bool IsPair(const Node& node) {
  return node.args.size() == 2 &&
         (node.kind == Kind::kInterval ||
          (node.kind == Kind::kTuple && node.name.empty()));
}

// An interval and no point: with a square bracket, or an infinite end.
bool IsSurelyInterval(const Node& node) {
  return node.kind == Kind::kInterval || AnyNode(node, [](const Node& part) {
           return part.kind == Kind::kConstant && part.name == "infinity";
         });
}

}  // namespace

bool IsConditionSet(const Node& node) {
  return node.kind == Kind::kSet && node.args.size() == 1 &&
         node.args[0]->kind == Kind::kCall && node.args[0]->name == "such that";
}

bool IsUnknown(const Node& node) {
  return node.kind == Kind::kSymbol ||
         (node.kind == Kind::kCall && node.args.size() == 1 &&
          HasVariable(*MakeNode(Kind::kCall, {MakeNumber(0)}, node.name)));
}

RealSet RealSet::Half(const NodePtr& end, bool is_below, bool is_closed) {
  RealSet set;
  Piece piece;
  (is_below ? piece.high : piece.low) = end;
  (is_below ? piece.closed_high : piece.closed_low) = is_closed;
  set.pieces_.push_back(std::move(piece));
  return set;
}

RealSet RealSet::Complement() const {
  RealSet rest;
  NodePtr low;
  bool closed_low = false;
  bool is_open_below = true;  // whether something lies below the next piece
  for (const Piece& piece : pieces_) {
    if (piece.low != nullptr) {
      rest.pieces_.push_back({low, piece.low, closed_low, !piece.closed_low});
    }
    low = piece.high;
    closed_low = !piece.closed_high;
    is_open_below = piece.high != nullptr;
  }
  if (is_open_below) rest.pieces_.push_back({low, nullptr, closed_low, false});
  return rest;
}

std::optional<RealSet> RealSet::Normalised(Pieces pieces, Budget* budget) {
  if (pieces.size() > kMaxPieces) return std::nullopt;
  // Insertion sort by the lower end; every comparison may fail.
  Pieces sorted;
  for (Piece& piece : pieces) {
    if (piece.low != nullptr && piece.high != nullptr) {
      const auto order = CompareConstants(*piece.low, *piece.high, budget);
      if (!order.has_value()) return std::nullopt;
      // Nothing between the ends.
      if (*order > 0) continue;
      if (*order == 0 && !(piece.closed_low && piece.closed_high)) continue;
    }
    size_t at = sorted.size();
    for (; at > 0; --at) {
      const Piece& other = sorted[at - 1];
      if (other.low == nullptr) break;
      int order = -1;
      if (piece.low != nullptr) {
        const auto compared = CompareConstants(*piece.low, *other.low, budget);
        if (!compared.has_value()) return std::nullopt;
        order = *compared;
      }
      if (order > 0 || (order == 0 && !piece.closed_low)) break;
    }
    sorted.insert(sorted.begin() + at, std::move(piece));
  }
  RealSet set;
  for (Piece& piece : sorted) {
    if (set.pieces_.empty()) {
      set.pieces_.push_back(std::move(piece));
      continue;
    }
    Piece& last = set.pieces_.back();
    bool touches = last.high == nullptr || piece.low == nullptr;
    if (!touches) {
      const auto order = CompareConstants(*piece.low, *last.high, budget);
      if (!order.has_value()) return std::nullopt;
      touches =
          *order < 0 || (*order == 0 && (piece.closed_low || last.closed_high));
    }
    if (!touches) {
      set.pieces_.push_back(std::move(piece));
      continue;
    }
    if (last.high == nullptr) continue;
    int order = 1;
    if (piece.high != nullptr) {
      const auto compared = CompareConstants(*piece.high, *last.high, budget);
      if (!compared.has_value()) return std::nullopt;
      order = *compared;
    }
    if (order > 0) {
      last.high = piece.high;
      last.closed_high = piece.closed_high;
    } else if (order == 0) {
      last.closed_high = last.closed_high || piece.closed_high;
    }
  }
  return set;
}

std::optional<RealSet> RealSet::Union(const RealSet& a, const RealSet& b,
                                      Budget* budget) {
  Pieces pieces = a.pieces_;
  pieces.insert(pieces.end(), b.pieces_.begin(), b.pieces_.end());
  return Normalised(std::move(pieces), budget);
}

std::optional<RealSet> RealSet::Intersection(const RealSet& a, const RealSet& b,
                                             Budget* budget) {
  const auto outside = Union(a.Complement(), b.Complement(), budget);
  if (!outside.has_value()) return std::nullopt;
  return outside->Complement();
}

std::optional<RealSet> RealSet::OfAbsoluteValue(Budget* budget) const {
  const auto positive =
      Intersection(*this, Half(MakeNumber(0), false, true), budget);
  if (!positive.has_value()) return std::nullopt;
  Pieces pieces = positive->pieces_;
  const auto negated = [](const NodePtr& end) {
    return end == nullptr ? nullptr : MakeNode(Kind::kNegate, {end});
  };
  for (const Piece& piece : positive->pieces_) {
    pieces.push_back({negated(piece.high), negated(piece.low),
                      piece.closed_high, piece.closed_low});
  }
  return Normalised(std::move(pieces), budget);
}

std::optional<RealSet> RealSet::FromRelation(const Node& node, Budget* budget) {
  if (node.ops.size() == 1 && node.ops[0] == "in") {
    return IsUnknown(*node.args[0]) ? From(*node.args[1], budget)
                                    : std::nullopt;
  }
  // The one operand that is unknown.
  size_t unknown = node.args.size();
  for (size_t i = 0; i < node.args.size(); ++i) {
    if (!HasVariable(*node.args[i])) continue;
    if (unknown < node.args.size()) return std::nullopt;
    unknown = i;
  }
  if (unknown == node.args.size()) return std::nullopt;
  const Node& middle = *node.args[unknown];
  const bool is_absolute = middle.kind == Kind::kCall && middle.name == "abs";
  if (!IsUnknown(is_absolute ? *middle.args[0] : middle)) return std::nullopt;
  std::optional<RealSet> set = RealSet();
  set->pieces_.push_back({});
  for (size_t i = 0; i < node.ops.size(); ++i) {
    if (i != unknown && i + 1 != unknown) return std::nullopt;  // 1 < 2 < x
    const bool is_left = i == unknown;
    const NodePtr& bound = node.args[is_left ? i + 1 : i];
    const std::string& op = node.ops[i];
    RealSet part;
    bool is_ok = true;
    if (op == "=" || op == "!=") {
      part.pieces_.push_back({bound, bound, true, true});
      if (op == "!=") part = part.Complement();
    } else if (op[0] == '<' || op[0] == '>') {
      const bool is_below = (op[0] == '<') == is_left;
      part = Half(End(bound, is_below, &is_ok), is_below, op.size() == 2);
    } else {
      return std::nullopt;
    }
    if (!is_ok) return std::nullopt;
    set = Intersection(*set, part, budget);
    if (!set.has_value()) return std::nullopt;
  }
  return is_absolute ? set->OfAbsoluteValue(budget) : set;
}

std::optional<RealSet> RealSet::FromList(const Node& node, Budget* budget) {
  // Intervals side by side are their union; pairs alone could be points.
  const bool are_pairs =
      std::all_of(node.args.begin(), node.args.end(),
                  [](const NodePtr& part) { return IsPair(*part); });
  if (are_pairs &&
      std::none_of(node.args.begin(), node.args.end(), [](const NodePtr& part) {
        return IsSurelyInterval(*part);
      })) {
    return std::nullopt;
  }
  // x = 1 and x = 2 lists solutions; no x is both.
  const bool has_order =
      std::any_of(node.args.begin(), node.args.end(), [](const NodePtr& part) {
        return part->kind == Kind::kRelation && part->ops[0] != "=";
      });
  if (!are_pairs && !has_order) return std::nullopt;
  std::optional<RealSet> all, any;  // the intersection and the union
  std::string unknown;
  for (const NodePtr& part : node.args) {
    if (!are_pairs) {
      if (part->kind != Kind::kRelation) return std::nullopt;
      const auto it =
          std::find_if(part->args.begin(), part->args.end(),
                       [](const NodePtr& arg) { return HasVariable(*arg); });
      if (it == part->args.end()) return std::nullopt;
      const std::string key = StructuralKey(**it);
      if (!unknown.empty() && key != unknown) return std::nullopt;
      unknown = key;
    }
    const auto next =
        are_pairs ? From(*part, budget) : FromRelation(*part, budget);
    if (!next.has_value()) return std::nullopt;
    any = any.has_value() ? Union(*any, *next, budget) : next;
    all = all.has_value() ? Intersection(*all, *next, budget) : next;
    if (!any.has_value() || !all.has_value()) return std::nullopt;
  }
  if (are_pairs || node.name == "or") return any;
  // With commas: all of them hold, where that is possible.
  return node.name.empty() && all->pieces_.empty() ? any : all;
}

std::optional<RealSet> RealSet::From(const Node& node, Budget* budget) {
  if (!budget->Spend(10)) return std::nullopt;
  if (IsPair(node)) {
    bool is_ok = true;
    Piece piece{End(node.args[0], false, &is_ok),
                End(node.args[1], true, &is_ok), node.closed_left,
                node.closed_right};
    piece.closed_low = piece.closed_low && piece.low != nullptr;
    piece.closed_high = piece.closed_high && piece.high != nullptr;
    if (!is_ok) return std::nullopt;
    return Normalised({piece}, budget);
  }
  if (IsConditionSet(node)) return From(*node.args[0]->args[1], budget);
  if (node.kind == Kind::kSet) {
    Pieces points;
    for (const NodePtr& element : node.args) {
      bool is_ok = true;
      const NodePtr end = End(element, true, &is_ok);
      if (!is_ok || end == nullptr) return std::nullopt;
      points.push_back({end, end, true, true});
    }
    return Normalised(std::move(points), budget);
  }
  if (node.kind == Kind::kUnion) {
    const auto a = From(*node.args[0], budget);
    if (!a.has_value()) return std::nullopt;
    const auto b = From(*node.args[1], budget);
    if (!b.has_value()) return std::nullopt;
    if (node.name == "cup") return Union(*a, *b, budget);
    return Intersection(*a, node.name == "cap" ? *b : b->Complement(), budget);
  }
  if (node.kind == Kind::kRelation) return FromRelation(node, budget);
  if (node.kind == Kind::kList) return FromList(node, budget);
  return std::nullopt;
}

std::optional<bool> RealSet::Equal(const RealSet& a, const RealSet& b,
                                   Budget* budget) {
  if (a.pieces_.size() != b.pieces_.size()) return false;
  for (size_t i = 0; i < a.pieces_.size(); ++i) {
    const Piece& p = a.pieces_[i];
    const Piece& q = b.pieces_[i];
    if (p.closed_low != q.closed_low || p.closed_high != q.closed_high ||
        (p.low == nullptr) != (q.low == nullptr) ||
        (p.high == nullptr) != (q.high == nullptr)) {
      return false;
    }
    for (const auto& [x, y] : {std::pair(p.low, q.low), {p.high, q.high}}) {
      if (x == nullptr) continue;
      const auto order = CompareConstants(*x, *y, budget);
      if (!order.has_value()) return std::nullopt;
      if (*order != 0) return false;
    }
  }
  return true;
}

}  // namespace r1::math
