// The gradients of a rank's shards, added in a balanced tree.
#ifndef R1_LEARNER_RANKS_SHARD_SUMS_H_
#define R1_LEARNER_RANKS_SHARD_SUMS_H_

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "kernels/ops.h"
#include "model/param_set.h"

namespace r1 {

// terms[b] += terms[b + s] for s = 1, 2, 4, … and b = 0, 2 s, 4 s, …; a term
// that is not there is no operand. Empty if none is there. Overwrites terms.
Tensor AddInTree(std::vector<Tensor> terms, Ops* ops);

// The same sum of up to 2^k terms that come one after the other, in k + 1
// buffers, a binary counter: a subtree is added as soon as it is whole.
// Threads: one.
class ShardSums {
 public:
  ShardSums(std::shared_ptr<const ParamLayout> layout, Ops* ops)
      : layout_(std::move(layout)), ops_(ops) {}

  // Forgets all terms.
  void Start();
  // The next term, all zero, for the caller to add to.
  ParamSet* Next();
  // The next term is not there.
  void SkipNext();
  // The sum of a power of two of terms; null if none of them is there. Lasts
  // until Start.
  ParamSet* Total();

 private:
  struct Subtree {
    int level = 0;                  // of 2^level terms
    std::unique_ptr<ParamSet> sum;  // null: none is there
  };
  void AddWhole();

  std::shared_ptr<const ParamLayout> layout_;
  Ops* ops_;
  std::vector<Subtree> subtrees_;  // levels fall, but for the last two
  std::vector<std::unique_ptr<ParamSet>> unused_;
};

}  // namespace r1

#endif  // R1_LEARNER_RANKS_SHARD_SUMS_H_
