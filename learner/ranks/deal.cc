#include "learner/ranks/deal.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

#include "base/check.h"

namespace r1 {

SequenceCost::SequenceCost(const ModelConfig& config) {
  // Multiplications a token: of all matrices, and of attention to one token,
  // where a query meets a key and its weight a value.
  const int64_t matrices =
      config.num_layers *
          (config.hidden_size * (2 * config.q_size() + 2 * config.kv_size()) +
           3 * config.hidden_size * config.intermediate_size) +
      config.vocab_size * config.hidden_size;
  // Half of the pairs are masked.
  const int64_t attention = config.num_layers * config.q_size();
  per_token_ = matrices / std::max<int64_t>(1, attention);
}

int64_t SequenceCost::OfGroup(
    absl::Span<const TrainSequence* const> group) const {
  const int64_t prompt = Of(group[0]->first_scored);
  int64_t cost = prompt;
  for (const TrainSequence* sequence : group) {
    cost += Of(sequence->length()) - prompt;
  }
  return cost;
}

std::vector<std::vector<int>> DealToShards(absl::Span<const int64_t> costs,
                                           int shards) {
  R1_CHECK(shards >= 1, "a minibatch has a shard");
  std::vector<int> order(costs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return costs[a] > costs[b]; });
  using Load = std::pair<int64_t, int>;  // cost so far, shard
  std::priority_queue<Load, std::vector<Load>, std::greater<>> lightest;
  for (int v = 0; v < shards; ++v) lightest.push({0, v});
  std::vector<std::vector<int>> dealt(shards);
  for (int item : order) {
    const auto [load, v] = lightest.top();
    lightest.pop();
    dealt[v].push_back(item);
    lightest.push({load + costs[item], v});
  }
  for (std::vector<int>& items : dealt) std::sort(items.begin(), items.end());
  return dealt;
}

std::vector<std::vector<int>> DealGroups(
    absl::Span<const TrainSequence* const> sequences, const SequenceCost& cost,
    int shards) {
  const std::vector<IndexRange> groups = GroupsOf(sequences);
  std::vector<int64_t> costs;
  for (const IndexRange& group : groups) {
    costs.push_back(cost.OfGroup(sequences.subspan(group.begin, group.size())));
  }
  std::vector<std::vector<int>> dealt;
  for (const std::vector<int>& items : DealToShards(costs, shards)) {
    std::vector<int>& indices = dealt.emplace_back();
    for (int item : items) {
      for (int i = groups[item].begin; i < groups[item].end; ++i) {
        indices.push_back(i);
      }
    }
  }
  return dealt;
}

}  // namespace r1
