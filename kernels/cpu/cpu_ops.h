// The CPU set of ops: owns the threads and the scratch memory. Each op is
// defined in a file of its name.
#ifndef R1_KERNELS_CPU_CPU_OPS_H_
#define R1_KERNELS_CPU_CPU_OPS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

class CpuOps : public Ops {
 public:
  explicit CpuOps(int num_threads) : pool_(num_threads) {}

  void EmbeddingForward(absl::Span<const int32_t> ids, ConstMat table,
                        Mat y) override;
  void EmbeddingBackward(absl::Span<const int32_t> ids, ConstMat dy,
                         Mat dtable) override;
  void RmsNormForward(ConstMat x, absl::Span<const float> w, int groups,
                      float eps, Mat y) override;
  void RmsNormBackward(ConstMat x, absl::Span<const float> w, int groups,
                       float eps, ConstMat dy, Store store, Mat dx,
                       absl::Span<float> dw) override;
  void Rope(Mat x, int heads, absl::Span<const int32_t> positions,
            ConstMat cos_sin, bool inverse) override;
  void SetLinear(absl::Span<const ConstMat> parts, Linear* w) override;
  void LinearRows(const Linear& w, absl::Span<const int32_t> ids,
                  Mat y) override;
  void MatMul(ConstMat x, const Linear& w, absl::Span<const float> bias,
              Mat y) override;
  void MatMulAdd(ConstMat x, const Linear& w, ConstMat start, Mat y) override;
  void MatMulTransposed(ConstMat dy, const Linear& w, Mat dx) override;
  void MatMulWeightGradient(ConstMat dy, ConstMat x, Mat dw) override;
  void ColumnSum(ConstMat dy, absl::Span<float> db) override;
  void SwiGluForward(ConstMat gate_up, Mat y) override;
  void SwiGluBackward(ConstMat gate_up, ConstMat dy, Mat dgate_up) override;
  void KvWrite(ConstMat k, ConstMat v, absl::Span<const SequenceRows> sequences,
               const KvPages& cache) override;
  void AttentionForward(ConstMat q, absl::Span<const SequenceRows> sequences,
                        const KvPages& cache, float scale, Mat out,
                        Mat lse) override;
  void AttentionBackward(ConstMat q, ConstMat out, ConstMat lse, ConstMat dout,
                         absl::Span<const SequenceRows> sequences,
                         const KvPages& cache, float scale, Mat dq, Mat dk,
                         Mat dv) override;
  void LogprobForward(ConstMat h, const Linear& head,
                      absl::Span<const int32_t> targets, float inv_temperature,
                      absl::Span<float> logprob,
                      absl::Span<float> entropy) override;
  void LogprobBackward(ConstMat h, const Linear& head,
                       absl::Span<const int32_t> targets, float inv_temperature,
                       absl::Span<const float> dlogprob,
                       absl::Span<const float> dentropy, Mat dh, Mat dhead,
                       absl::Span<float> logprob,
                       absl::Span<float> entropy) override;
  void Sample(Mat logits, absl::Span<const SampleRequest> requests,
              absl::Span<int32_t> tokens, absl::Span<float> logprobs) override;
  void AdamW(absl::Span<float> params, absl::Span<const float> grads,
             absl::Span<float> m, absl::Span<float> v,
             const AdamWParams& p) override;
  double SumSquares(absl::Span<const float> x) override;
  void ForEachTask(int64_t count,
                   absl::FunctionRef<void(int64_t)> task) override;

 private:
  ThreadPool pool_;
  CpuScratch scratch_;
};

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_CPU_OPS_H_
