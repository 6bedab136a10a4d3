// Drawing one token per row of logits.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/sample_filter.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/sample.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After highway.h
#include "kernels/cpu/row_softmax-inl.h"

#ifndef R1_KERNELS_CPU_SAMPLE_CC_
#define R1_KERNELS_CPU_SAMPLE_CC_
namespace r1::cpu {

struct Draw {
  int32_t token;
  float logprob;
};

// Tokens whose probabilities are summed before the draw looks inside.
inline constexpr int64_t kDrawBlock = 256;

inline int64_t DrawBlocks(int64_t n) {
  return (n + kDrawBlock - 1) / kDrawBlock;
}

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_SAMPLE_CC_

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

// weights[v] = exp(z[v] - max): probabilities up to a common factor.
HWY_INLINE void StoreWeights(const RowSoftmax& row, const float* logits,
                             int64_t n, float* weights) {
  Transform(FloatTag(), n, weights, [&](auto load) HWY_ATTR {
    return ExpBounded(FloatTag(), Shifted(row, load(logits)));
  });
}

// In double, so that the cumulative distribution is exact for all purposes.
HWY_INLINE double BlockSum(const float* weights, int64_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  auto sum = hn::Zero(d);
  ForEachVector(
      narrow, n,
      [&](int64_t i) HWY_ATTR {
        sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(narrow, weights + i)));
      },
      [&](int64_t i, int64_t count) HWY_ATTR {
        const auto rest = LoadPartial(narrow, weights + i, count);
        sum = hn::Add(sum, hn::PromoteTo(d, rest));
      });
  return SumLanes(d, sum);
}

// The token at `share` of the cumulative weight, 0 <= share < 1: the first
// whose weights up to and including its own exceed share * total. Its weight
// is positive. sums: room for DrawBlocks(n).
HWY_INLINE int32_t InvertCumulative(const float* weights, int64_t n,
                                    double share, double* sums) {
  const int64_t blocks = DrawBlocks(n);
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t begin = b * kDrawBlock;
    sums[b] = BlockSum(weights + begin, std::min(kDrawBlock, n - begin));
    total += sums[b];
  }
  const double threshold = share * total;
  double before = 0;
  int64_t block = 0;
  // The last sum equals total, which exceeds threshold: the loop ends.
  while (block + 1 < blocks && before + sums[block] <= threshold) {
    before += sums[block++];
  }
  const int64_t end = std::min(n, (block + 1) * kDrawBlock);
  int64_t last = 0;
  for (int64_t v = block * kDrawBlock; v < end; ++v) {
    if (weights[v] > 0) last = v;
    before += weights[v];
    if (before > threshold) return static_cast<int32_t>(v);
  }
  // Added one by one, the block's weights fell short of its sum by rounding.
  return static_cast<int32_t>(last);
}

// The lowest id whose logit is `max`, which occurs in the row.
HWY_INLINE int64_t FirstEqual(const float* logits, int64_t n, float max) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const intptr_t lane =
        hn::FindFirstTrue(d, hn::Eq(hn::LoadU(d, logits + i), hn::Set(d, max)));
    if (lane >= 0) return i + lane;
  }
  while (i < n - 1 && logits[i] != max) ++i;
  return i;
}

// weights: room for n floats; sums: for DrawBlocks(n) doubles.
Draw SampleRow(const SampleRequest& request, const float* logits, int64_t n,
               float* weights, double* sums) {
  const bool greedy = !(request.temperature > 0);
  const RowSoftmax row =
      SoftmaxOfRow(logits, n, greedy ? 1.0f : 1.0f / request.temperature);
  if (!std::isfinite(row.log_sum)) {
    return {0, std::numeric_limits<float>::quiet_NaN()};
  }
  int64_t token;
  if (greedy) {
    token = FirstEqual(logits, n, row.max);
  } else {
    StoreWeights(row, logits, n, weights);
    FilterWeights(request.top_p, absl::MakeSpan(weights, n));
    token = InvertCumulative(weights, n, request.random_bits * 0x1p-32, sums);
  }
  return {static_cast<int32_t>(token), row.Logprob(logits, token)};
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
namespace {

HWY_EXPORT(SampleRow);

}  // namespace

void CpuOps::Sample(Tensor all_logits, absl::Span<const SampleRequest> requests,
                    Tensor tokens, Tensor logprobs) {
  const Mat logits = all_logits;
  const int64_t rows = logits.rows;
  const int64_t n = logits.cols;
  R1_CHECK(static_cast<int64_t>(requests.size()) == rows &&
               tokens.count() == rows && logprobs.count() == rows,
           "requests, tokens and logprobs are [S]");
  R1_CHECK(rows == 0 || n > 0, "a vocabulary has tokens");
  int32_t* const drawn = MatrixView<int32_t>(tokens).data;
  float* const drawn_logprobs = Mat(logprobs).data;
  const int64_t weights = (n + 15) / 16 * 16;
  const int64_t sums = (DrawBlocks(n) * 2 + 15) / 16 * 16;  // doubles
  const int64_t per_thread = weights + sums;
  scratch_.sample.Reserve(per_thread * pool_.num_threads());
  // Rows of a small vocabulary are too short to be tasks of their own.
  const int64_t task_rows = std::max<int64_t>(1, 8192 / weights);
  pool_.ParallelFor(
      (rows + task_rows - 1) / task_rows, [&](int64_t task, int thread) {
        float* memory = FloatsOf(scratch_.sample) + thread * per_thread;
        const int64_t end = std::min(rows, (task + 1) * task_rows);
        for (int64_t i = task * task_rows; i < end; ++i) {
          const Draw draw = HWY_DYNAMIC_DISPATCH(SampleRow)(
              requests[i], logits.Row(i), n, memory,
              reinterpret_cast<double*>(memory + weights));
          drawn[i] = draw.token;
          drawn_logprobs[i] = draw.logprob;
        }
      });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
