// Log-probability and entropy of tokens under the vocabulary head, and their
// gradient, without ever holding the logits of a whole batch.
#include "kernels/cpu/logprob.h"

#include <algorithm>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "base/check.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/logprob.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After highway.h
#include "kernels/cpu/row_softmax-inl.h"

#ifndef R1_KERNELS_CPU_LOGPROB_CC_
#define R1_KERNELS_CPU_LOGPROB_CC_
namespace r1::cpu {

struct TokenScore {
  float logprob;
  float entropy;
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_LOGPROB_CC_

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

TokenScore ScoreRow(const float* logits, int64_t n, int64_t target,
                    float inv_temperature) {
  const RowSoftmax row = SoftmaxOfRow(logits, n, inv_temperature);
  return {row.Logprob(logits, target), row.entropy};
}

// Replaces the logits by their gradient:
//   inv_temperature * p * (-dlogprob - dentropy * (log p + entropy)),
// and inv_temperature * dlogprob more at the target.
TokenScore GradientOfRow(float* logits, int64_t n, int64_t target,
                         float inv_temperature, float dlogprob,
                         float dentropy) {
  const FloatTag d;
  const RowSoftmax row = SoftmaxOfRow(logits, n, inv_temperature);
  const TokenScore score = {row.Logprob(logits, target), row.entropy};
  // log p = (z - max) - log_sum.
  const auto constant =
      hn::Set(d, -inv_temperature *
                     (dlogprob + dentropy * (row.entropy - row.log_sum)));
  const auto slope = hn::Set(d, -inv_temperature * dentropy);
  const auto inverse = hn::Set(d, 1.0f / row.sum);
  Transform(d, n, logits, [&](auto load) HWY_ATTR {
    const auto shifted = Shifted(row, load(logits));
    const auto p = hn::Mul(ExpBounded(d, shifted), inverse);
    return hn::Mul(p, hn::MulAdd(slope, shifted, constant));
  });
  logits[target] += inv_temperature * dlogprob;
  return score;
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
namespace {

HWY_EXPORT(ScoreRow);
HWY_EXPORT(GradientOfRow);

void CheckShapes(Tensor h, const Linear& head, Ids targets, Tensor logprob,
                 Tensor entropy) {
  R1_CHECK(h.cols == head.depth, "h is [T, C], the head [V, C]");
  R1_CHECK(targets.cols == h.rows, "targets is [T]");
  for (int64_t t = 0; t < h.rows; ++t) {
    R1_CHECK(targets.data[t] >= 0 && targets.data[t] < head.outputs,
             "a target lies in [0, V)");
  }
  R1_CHECK(entropy.empty() || entropy.cols == h.rows,
           "entropy is [T] or empty");
  R1_CHECK(logprob.empty() || logprob.cols == h.rows,
           "logprob is [T] or empty");
}

// Computes the logits of chunk after chunk, and calls row(t, logits of t) in
// parallel for its rows, then after(first row, logits of the chunk).
void ForEachChunk(Ops& ops, ThreadPool& pool, Buffer& buffer, Tensor h,
                  const Linear& head,
                  absl::FunctionRef<void(int64_t, float*)> row,
                  absl::FunctionRef<void(int64_t, Mat)> after) {
  const int64_t vocabulary = head.outputs;
  const int64_t stride = (vocabulary + 15) / 16 * 16;
  const int64_t chunk = std::min(h.rows, LogprobChunkRows(vocabulary));
  buffer.Reserve(chunk * stride);
  // Rows of a small vocabulary are too short to be tasks of their own.
  const int64_t task_rows = std::max<int64_t>(1, 8192 / stride);
  for (int64_t begin = 0; begin < h.rows; begin += chunk) {
    const int64_t count = std::min(chunk, h.rows - begin);
    const Mat logits(FloatsOf(buffer), count, vocabulary, stride);
    ops.MatMul(h.Rows(begin, count), head, {}, logits);
    const int64_t tasks = (count + task_rows - 1) / task_rows;
    pool.ParallelFor(tasks, [&](int64_t task, int) {
      const int64_t end = std::min(count, (task + 1) * task_rows);
      for (int64_t i = task * task_rows; i < end; ++i) {
        row(begin + i, logits.Row(i));
      }
    });
    after(begin, logits);
  }
}

}  // namespace

int64_t LogprobChunkRows(int64_t vocabulary) {
  constexpr int64_t kSmallFloats = int64_t{1} << 18;  // 1 MiB: a share of L2
  constexpr int64_t kLargeFloats = int64_t{1} << 25;  // 128 MiB: the bound
  // Fewer rows leave the head memory-bound and transpose it more often.
  constexpr int64_t kRows = 256;
  const int64_t row = std::max<int64_t>(1, vocabulary);
  return std::clamp<int64_t>(kLargeFloats / row, 1,
                             std::max(kRows, kSmallFloats / row));
}

void CpuOps::LogprobForward(Tensor h, const Linear& head, Tensor targets,
                            float inv_temperature, Tensor logprob,
                            Tensor entropy) {
  const Ids target = targets;
  float* const logprobs = logprob.empty() ? nullptr : Mat(logprob).data;
  float* const entropies = entropy.empty() ? nullptr : Mat(entropy).data;
  CheckShapes(h, head, target, logprob, entropy);
  ForEachChunk(
      *this, pool_, scratch_.logits, h, head,
      [&](int64_t t, float* logits) {
        const TokenScore score = HWY_DYNAMIC_DISPATCH(ScoreRow)(
            logits, head.outputs, target.data[t], inv_temperature);
        if (logprobs != nullptr) logprobs[t] = score.logprob;
        if (entropies != nullptr) entropies[t] = score.entropy;
      },
      [](int64_t, Mat) {});
}

// With z = inv_temperature * logits and p the softmax of z:
//   dlogits[v] = inv_temperature * (dlogprob * ([v == target] - p[v])
//                                   - dentropy * p[v] * (log p[v] + entropy))
void CpuOps::LogprobBackward(Tensor h, const Linear& head, Tensor targets,
                             float inv_temperature, Tensor dlogprob,
                             Tensor dentropy, Tensor dh, Tensor dhead,
                             Tensor logprob, Tensor entropy) {
  const Ids target = targets;
  const float* const dlogprobs = ConstMat(dlogprob).data;
  const float* const dentropies =
      dentropy.empty() ? nullptr : ConstMat(dentropy).data;
  float* const logprobs = logprob.empty() ? nullptr : Mat(logprob).data;
  float* const entropies = entropy.empty() ? nullptr : Mat(entropy).data;
  CheckShapes(h, head, target, logprob, entropy);
  R1_CHECK(
      dlogprob.cols == h.rows && (dentropy.empty() || dentropy.cols == h.rows),
      "dlogprob is [T], dentropy [T] or empty");
  R1_CHECK(dh.rows == h.rows && dh.cols == h.cols, "dh has the shape of h");
  TransposedLinear transposed(*this, pool_, head, &scratch_.transposed);
  ForEachChunk(
      *this, pool_, scratch_.logits, h, head,
      [&](int64_t t, float* logits) {
        const TokenScore score = HWY_DYNAMIC_DISPATCH(GradientOfRow)(
            logits, head.outputs, target.data[t], inv_temperature, dlogprobs[t],
            dentropies == nullptr ? 0.0f : dentropies[t]);
        if (logprobs != nullptr) logprobs[t] = score.logprob;
        if (entropies != nullptr) entropies[t] = score.entropy;
      },
      [&](int64_t begin, Mat dlogits) {
        transposed.MatMul(dlogits, dh.Rows(begin, dlogits.rows));
        if (dhead.empty()) return;
        MatMulWeightGradient(dlogits, h.Rows(begin, dlogits.rows), dhead);
      });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
