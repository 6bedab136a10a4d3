#include "kernels/cpu/cpu_ops.h"

#include "kernels/cpu/adamw.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/column_sum.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/kv.h"
#include "kernels/cpu/linear.h"
#include "kernels/cpu/logprob.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/rms_norm.h"
#include "kernels/cpu/rope.h"
#include "kernels/cpu/sample.h"
#include "kernels/cpu/sum_squares.h"
#include "kernels/cpu/swiglu.h"
#include "kernels/cpu/weight_gradient.h"

namespace r1 {

std::unique_ptr<Ops> MakeCpuOps(int num_threads) {
  return std::make_unique<CpuOps>(num_threads);
}

void CpuOps::EmbeddingForward(absl::Span<const int32_t> ids, ConstMat table,
                              Mat y) {
  cpu::EmbeddingForward(pool_, ids, table, y);
}

void CpuOps::EmbeddingBackward(absl::Span<const int32_t> ids, ConstMat dy,
                               Mat dtable) {
  cpu::EmbeddingBackward(pool_, ids, dy, dtable);
}

void CpuOps::RmsNormForward(ConstMat x, absl::Span<const float> w, int groups,
                            float eps, Mat y) {
  cpu::RmsNormForward(pool_, x, w, groups, eps, y);
}

void CpuOps::RmsNormBackward(ConstMat x, absl::Span<const float> w, int groups,
                             float eps, ConstMat dy, Store store, Mat dx,
                             absl::Span<float> dw) {
  cpu::RmsNormBackward(pool_, scratch_, x, w, groups, eps, dy, store, dx, dw);
}

void CpuOps::Rope(Mat x, int heads, absl::Span<const int32_t> positions,
                  ConstMat cos_sin, bool inverse) {
  cpu::Rope(pool_, x, heads, positions, cos_sin, inverse);
}

void CpuOps::SetLinear(absl::Span<const ConstMat> parts, Linear* w) {
  cpu::SetLinear(pool_, parts, w);
}

void CpuOps::LinearRows(const Linear& w, absl::Span<const int32_t> ids, Mat y) {
  cpu::LinearRows(pool_, w, ids, y);
}

void CpuOps::MatMul(ConstMat x, const Linear& w, absl::Span<const float> bias,
                    Store store, Mat y) {
  cpu::MatMul(pool_, x, w, bias, store, y);
}

void CpuOps::MatMulTransposed(ConstMat dy, const Linear& w, Mat dx) {
  cpu::TransposedLinear(pool_, w, &scratch_.transposed).MatMul(dy, dx);
}

void CpuOps::MatMulWeightGradient(ConstMat dy, ConstMat x, Mat dw) {
  cpu::MatMulWeightGradient(pool_, scratch_, dy, x, dw);
}

void CpuOps::ColumnSum(ConstMat dy, absl::Span<float> db) {
  cpu::ColumnSum(pool_, dy, db);
}

void CpuOps::SwiGluForward(ConstMat gate_up, Mat y) {
  cpu::SwiGluForward(pool_, gate_up, y);
}

void CpuOps::SwiGluBackward(ConstMat gate_up, ConstMat dy, Mat dgate_up) {
  cpu::SwiGluBackward(pool_, gate_up, dy, dgate_up);
}

void CpuOps::KvWrite(ConstMat k, ConstMat v,
                     absl::Span<const SequenceRows> sequences,
                     const KvPages& cache) {
  cpu::KvWrite(pool_, k, v, sequences, cache);
}

void CpuOps::AttentionForward(ConstMat q,
                              absl::Span<const SequenceRows> sequences,
                              const KvPages& cache, float scale, Mat out,
                              Mat lse) {
  cpu::AttentionForward(pool_, scratch_, q, sequences, cache, scale, out, lse);
}

void CpuOps::AttentionBackward(ConstMat q, ConstMat out, ConstMat lse,
                               ConstMat dout,
                               absl::Span<const SequenceRows> sequences,
                               const KvPages& cache, float scale, Mat dq,
                               Mat dk, Mat dv) {
  cpu::AttentionBackward(pool_, scratch_, q, out, lse, dout, sequences, cache,
                         scale, dq, dk, dv);
}

void CpuOps::LogprobForward(ConstMat h, const Linear& head,
                            absl::Span<const int32_t> targets,
                            float inv_temperature, absl::Span<float> logprob,
                            absl::Span<float> entropy) {
  cpu::LogprobForward(pool_, scratch_, h, head, targets, inv_temperature,
                      logprob, entropy);
}

void CpuOps::LogprobBackward(ConstMat h, const Linear& head,
                             absl::Span<const int32_t> targets,
                             float inv_temperature,
                             absl::Span<const float> dlogprob,
                             absl::Span<const float> dentropy, Mat dh,
                             Mat dhead, absl::Span<float> logprob,
                             absl::Span<float> entropy) {
  cpu::LogprobBackward(pool_, scratch_, h, head, targets, inv_temperature,
                       dlogprob, dentropy, dh, dhead, logprob, entropy);
}

void CpuOps::Sample(Mat logits, absl::Span<const SampleRequest> requests,
                    absl::Span<int32_t> tokens, absl::Span<float> logprobs) {
  cpu::Sample(pool_, scratch_, logits, requests, tokens, logprobs);
}

void CpuOps::AdamW(absl::Span<float> params, absl::Span<const float> grads,
                   absl::Span<float> m, absl::Span<float> v,
                   const AdamWParams& p) {
  cpu::AdamW(pool_, params, grads, m, v, p);
}

double CpuOps::SumSquares(absl::Span<const float> x) {
  return cpu::SumSquares(pool_, x);
}

}  // namespace r1
