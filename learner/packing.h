// Cuts a rollout phase into minibatches (one update each) and those into
// microbatches (one forward and backward each), without padding.
#ifndef R1_LEARNER_PACKING_H_
#define R1_LEARNER_PACKING_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/packed_model.h"

namespace r1 {

// Deals `count` outputs, numbered in order of (prompt, sample), at random over
// `minibatches` whose sizes differ by at most one; the first ones are larger.
// Each minibatch is in ascending order. Some are empty if count < minibatches.
// A function of the arguments: Philox stream kMinibatches at (step, epoch).
// Source: paper section 2.1 (8,192 outputs, randomly split into 16).
std::vector<std::vector<int>> SplitIntoMinibatches(int count, int minibatches,
                                                   uint64_t seed, int64_t step,
                                                   int epoch);

// Cuts a list of sequence lengths, in order, into runs [begin, end) of at most
// `max_tokens` tokens; a longer sequence stands alone.
struct IndexRange {
  int begin = 0;
  int end = 0;

  int size() const { return end - begin; }
};
std::vector<IndexRange> CutIntoMicrobatches(absl::Span<const int64_t> lengths,
                                            int64_t max_tokens);

// A sequence to train on: its tokens from `first_scored` on (>= 1).
struct TrainSequence {
  std::vector<int32_t> tokens;
  int64_t first_scored = 1;

  int64_t length() const { return tokens.size(); }
  int64_t scored() const { return length() - first_scored; }
};

// The sequences one after the other, plus where each one's scored rows begin.
struct PackedBatch {
  PackedTokens tokens;
  std::vector<int64_t> scored_offsets = {0};  // [S + 1]
};
PackedBatch Pack(absl::Span<const TrainSequence* const> sequences);

// Runs of neighbours with the same prompt: the tokens before first_scored.
std::vector<IndexRange> GroupsOf(
    absl::Span<const TrainSequence* const> sequences);

// The same for samples of a policy: neighbours whose prompts (the tokens before
// first_scored) are the same tokens form a group, in which the prompt stands
// once, after its samples; one sample alone is a whole sequence, which
// attention computes faster than two parts of one. Each batch has at most
// `max_tokens` rows, or one sample and its prompt. A group that fits into a
// batch is not cut; the pieces of one that does not each have the prompt. The
// samples come in their order, and so the rows of all batches but for repeated
// prompts: a function of the sequences, not of max_tokens.
struct GroupBatch {
  IndexRange samples;
  PackedBatch packed;
};
std::vector<GroupBatch> PackGroups(
    absl::Span<const TrainSequence* const> sequences, int64_t max_tokens);

}  // namespace r1

#endif  // R1_LEARNER_PACKING_H_
