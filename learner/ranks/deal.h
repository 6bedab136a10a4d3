// Deals a minibatch over the shards of its gradient.
#ifndef R1_LEARNER_RANKS_DEAL_H_
#define R1_LEARNER_RANKS_DEAL_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "learner/packing.h"
#include "model/model_config.h"

namespace r1 {

// What it costs to train on a sequence, in units of one token's attention to
// another: L tokens meet L others and, each, all matrices of the model. In
// integers, so that it is the same on every machine.
class SequenceCost {
 public:
  explicit SequenceCost(const ModelConfig& config);

  int64_t Of(int64_t length) const { return length * (length + per_token_); }
  // Of samples with one prompt, which is computed once.
  int64_t OfGroup(absl::Span<const TrainSequence* const> group) const;

 private:
  int64_t per_token_;
};

// The items of each shard, ascending. The most costly item first, each goes to
// the shard with the least cost so far (Graham's longest processing time rule,
// 1969); of equal ones the first. Some shards are empty if there are fewer
// items. A function of the arguments.
std::vector<std::vector<int>> DealToShards(absl::Span<const int64_t> costs,
                                           int shards);

// Indices of the sequences of each shard, ascending. Neighbours with the same
// prompt stay together.
std::vector<std::vector<int>> DealGroups(
    absl::Span<const TrainSequence* const> sequences, const SequenceCost& cost,
    int shards);

}  // namespace r1

#endif  // R1_LEARNER_RANKS_DEAL_H_
