#include "learner/ranks/shard_sums.h"

#include <utility>

#include "base/check.h"

namespace r1 {

Tensor AddInTree(std::vector<Tensor> terms, Ops* ops) {
  const size_t n = terms.size();
  for (size_t s = 1; s < n; s *= 2) {
    for (size_t b = 0; b + s < n; b += 2 * s) {
      if (terms[b + s].empty()) continue;
      if (terms[b].empty()) {
        terms[b] = terms[b + s];
      } else {
        ops->Add(terms[b + s], terms[b]);
      }
    }
  }
  return terms.empty() ? Tensor() : terms[0];
}

void ShardSums::Start() {
  for (Subtree& subtree : subtrees_) {
    if (subtree.sum != nullptr) unused_.push_back(std::move(subtree.sum));
  }
  subtrees_.clear();
}

// Adds neighbours of equal size.
void ShardSums::AddWhole() {
  while (subtrees_.size() >= 2) {
    Subtree& right = subtrees_.back();
    Subtree& left = subtrees_[subtrees_.size() - 2];
    if (left.level != right.level) return;
    if (left.sum == nullptr) {
      left.sum = std::move(right.sum);
    } else if (right.sum != nullptr) {
      ops_->Add(right.sum->flat(), left.sum->flat());
      unused_.push_back(std::move(right.sum));
    }
    ++left.level;
    subtrees_.pop_back();
  }
}

ParamSet* ShardSums::Next() {
  AddWhole();
  Subtree& next = subtrees_.emplace_back();
  if (unused_.empty()) {
    next.sum = std::make_unique<ParamSet>(layout_, ops_->device());
  } else {
    next.sum = std::move(unused_.back());
    unused_.pop_back();
  }
  ops_->Fill(0, next.sum->flat());
  return next.sum.get();
}

void ShardSums::SkipNext() {
  AddWhole();
  subtrees_.emplace_back();
}

ParamSet* ShardSums::Total() {
  AddWhole();
  R1_CHECK(subtrees_.size() == 1, "the number of terms is a power of two");
  return subtrees_[0].sum.get();
}

}  // namespace r1
