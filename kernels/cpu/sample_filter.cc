#include "kernels/cpu/sample_filter.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace r1::cpu {
namespace {

// Positive floats are ordered as their bits are. The upper bits, exponent and
// five bits of mantissa, name the bucket of a weight.
constexpr int kShift = 18;
constexpr int32_t kTopBucket = std::bit_cast<int32_t>(1.0f) >> kShift;

int32_t BucketOf(float weight) {
  return std::min(std::bit_cast<int32_t>(weight) >> kShift, kTopBucket);
}

// A run of the likeliest tokens, or the tokens of one bucket.
struct Run {
  int64_t count = 0;
  double sum = 0;

  void Add(const Run& other) {
    count += other.count;
    sum += other.sum;
  }
};

std::vector<Run> FillBuckets(absl::Span<const float> weights) {
  std::vector<Run> buckets(kTopBucket + 1);
  for (const float weight : weights) {
    buckets[BucketOf(weight)].Add({1, weight});
  }
  return buckets;
}

}  // namespace

// Keeps the shortest run of the likeliest tokens that has the share, and at
// least one; all tokens if none has. Only the bucket in which the run ends is
// sorted.
void FilterWeights(float top_p, absl::Span<float> weights) {
  if (top_p >= 1) return;
  const std::vector<Run> buckets = FillBuckets(weights);
  Run all;
  for (const Run& bucket : buckets) all.Add(bucket);
  const double share = top_p * all.sum;
  Run run;
  int32_t last = kTopBucket;
  for (; last > 0; --last) {
    Run with_bucket = run;
    with_bucket.Add(buckets[last]);
    if (with_bucket.count > 0 && with_bucket.sum >= share) break;
    run = with_bucket;
  }
  std::vector<int32_t> ids;
  for (size_t v = 0; v < weights.size(); ++v) {
    const int32_t bucket = BucketOf(weights[v]);
    if (bucket == last) ids.push_back(static_cast<int32_t>(v));
    if (bucket < last) weights[v] = 0;
  }
  std::sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
  });
  size_t kept = 0;
  while (kept < ids.size() && (run.count == 0 || run.sum < share)) {
    run.Add({1, weights[ids[kept++]]});
  }
  for (; kept < ids.size(); ++kept) weights[ids[kept]] = 0;
}

}  // namespace r1::cpu
