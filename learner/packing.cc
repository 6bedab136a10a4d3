#include "learner/packing.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/philox.h"

namespace r1 {
namespace {

bool HaveSamePrompt(const TrainSequence& a, const TrainSequence& b) {
  return a.first_scored == b.first_scored &&
         std::equal(a.tokens.begin(), a.tokens.begin() + a.first_scored,
                    b.tokens.begin());
}

// The end of the group that begins at sequence `begin`.
int GroupEnd(absl::Span<const TrainSequence* const> sequences, int begin) {
  int end = begin + 1;
  while (end < static_cast<int>(sequences.size()) &&
         HaveSamePrompt(*sequences[begin], *sequences[end])) {
    ++end;
  }
  return end;
}

// Rows of a sample beside its prompt: its last token has none.
int64_t OwnRows(const TrainSequence& sequence) {
  return std::max<int64_t>(0, sequence.scored() - 1);
}

std::vector<IndexRange> CutGroups(
    absl::Span<const TrainSequence* const> sequences, int64_t max_tokens) {
  std::vector<IndexRange> ranges;
  int64_t rows = 0;  // of the last range
  const auto start = [&](int i) {
    ranges.push_back({i, i});
    rows = 0;
  };
  for (int begin = 0, end; begin < static_cast<int>(sequences.size());
       begin = end) {
    end = GroupEnd(sequences, begin);
    const int64_t prompt = sequences[begin]->first_scored;
    // A sample alone is a sequence like any other, with a row for each token.
    const int64_t last_rows = end - begin == 1 ? 1 : 0;
    int64_t group_rows = prompt + last_rows;
    for (int i = begin; i < end; ++i) group_rows += OwnRows(*sequences[i]);
    if (ranges.empty() || rows + group_rows > max_tokens) start(begin);
    rows += prompt + last_rows;
    for (int i = begin; i < end; ++i) {
      const int64_t own = OwnRows(*sequences[i]);
      if (ranges.back().begin < i && rows + own > max_tokens) {
        start(i);
        rows = prompt;
      }
      rows += own;
      ranges.back().end = i + 1;
    }
  }
  return ranges;
}

}  // namespace

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

std::vector<IndexRange> GroupsOf(
    absl::Span<const TrainSequence* const> sequences) {
  std::vector<IndexRange> groups;
  for (int begin = 0; begin < static_cast<int>(sequences.size());) {
    groups.push_back({begin, GroupEnd(sequences, begin)});
    begin = groups.back().end;
  }
  return groups;
}

std::vector<GroupBatch> PackGroups(
    absl::Span<const TrainSequence* const> sequences, int64_t max_tokens) {
  // Whether samples i - 1 and i are of one group.
  const auto is_within = [&](int i) {
    return i > 0 && i < static_cast<int>(sequences.size()) &&
           HaveSamePrompt(*sequences[i - 1], *sequences[i]);
  };
  std::vector<GroupBatch> batches;
  for (IndexRange range : CutGroups(sequences, max_tokens)) {
    GroupBatch batch = {range, {}};
    PackedTokens& tokens = batch.packed.tokens;
    const auto part = sequences.subspan(0, range.end);
    for (int begin = range.begin, end; begin < range.end; begin = end) {
      end = GroupEnd(part, begin);
      std::vector<absl::Span<const int32_t>> group;
      for (int i = begin; i < end; ++i) {
        group.push_back(sequences[i]->tokens);
        batch.packed.scored_offsets.push_back(
            batch.packed.scored_offsets.back() + sequences[i]->scored());
      }
      if (end - begin == 1 && !is_within(begin) && !is_within(end)) {
        tokens.Append(group[0], sequences[begin]->first_scored);
      } else {
        tokens.AppendGroup(group, sequences[begin]->first_scored);
      }
    }
    tokens.continues_prompt = is_within(range.begin);
    tokens.leaves_prompt = is_within(range.end);
    batches.push_back(std::move(batch));
  }
  return batches;
}

}  // namespace r1
