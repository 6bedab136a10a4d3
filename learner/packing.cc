#include "learner/packing.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/philox.h"

namespace r1 {

std::vector<std::vector<int>> SplitIntoMinibatches(int count, int minibatches,
                                                   uint64_t seed, int64_t step,
                                                   int epoch) {
  std::vector<int> order(count);
  std::iota(order.begin(), order.end(), 0);
  RandomSequence random(seed, RandomStream::kMinibatches, step, epoch);
  for (int i = count - 1; i > 0; --i) {  // Fisher-Yates
    std::swap(order[i], order[random.NextBelow(i + 1)]);
  }
  std::vector<std::vector<int>> split;
  auto begin = order.begin();
  for (int m = 0; m < minibatches; ++m) {
    const int size = count / minibatches + (m < count % minibatches ? 1 : 0);
    split.emplace_back(begin, begin + size);
    std::sort(split.back().begin(), split.back().end());
    begin += size;
  }
  return split;
}

std::vector<IndexRange> CutIntoMicrobatches(absl::Span<const int64_t> lengths,
                                            int64_t max_tokens) {
  std::vector<IndexRange> ranges;
  int64_t tokens = 0;
  for (int i = 0; i < static_cast<int>(lengths.size()); ++i) {
    if (ranges.empty() || tokens + lengths[i] > max_tokens) {
      ranges.push_back({i, i});
      tokens = 0;
    }
    tokens += lengths[i];
    ranges.back().end = i + 1;
  }
  return ranges;
}

PackedBatch Pack(absl::Span<const TrainSequence* const> sequences) {
  PackedBatch batch;
  for (const TrainSequence* sequence : sequences) {
    batch.tokens.Append(sequence->tokens, sequence->first_scored);
    batch.scored_offsets.push_back(batch.tokens.scored_rows.size());
  }
  return batch;
}

}  // namespace r1
