// The CPU set of ops: owns the threads and the scratch memory. Each op is
// defined in a file of its name.
#ifndef R1_KERNELS_CPU_CPU_OPS_H_
#define R1_KERNELS_CPU_CPU_OPS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/cpu/scratch.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

class CpuOps : public Ops {
 public:
  explicit CpuOps(int num_threads) : pool_(num_threads) {}

  Device* device() const override { return CpuDevice(); }
  void Upload(absl::Span<const float> values, Tensor to) override;
  Ticket Download(Tensor from, absl::Span<float> to) override;
  Ticket Download(Tensor from, absl::Span<int32_t> to) override;
  void Wait(Ticket ticket) override;
  std::unique_ptr<DeviceBatch> MakeBatch() override;
  void Prepare(const HostBatch& host, DeviceBatch* batch) override;
  void GatherRows(Tensor x, Tensor ids, Tensor y) override;
  void ScatterAddRows(Tensor dy, Tensor ids, Tensor dx) override;
  void Copy(Tensor x, Tensor y) override;
  void Add(Tensor x, Tensor y) override;
  void Fill(float value, Tensor y) override;
  void Scale(float factor, Tensor y) override;
  void RmsNormForward(Tensor x, Tensor w, int groups, float eps,
                      Tensor y) override;
  void RmsNormBackward(Tensor x, Tensor w, int groups, float eps, Tensor dy,
                       Store store, Tensor dx, Tensor dw) override;
  void Rope(Tensor x, int heads, Tensor positions, Tensor cos_sin,
            bool inverse) override;
  void SetLinear(absl::Span<const Tensor> parts, Linear* w) override;
  void LinearRows(const Linear& w, Tensor ids, Tensor y) override;
  void MatMul(Tensor x, const Linear& w, Tensor bias, Tensor y) override;
  void MatMulAdd(Tensor x, const Linear& w, Tensor start, Tensor y) override;
  void MatMulTransposed(Tensor dy, const Linear& w, Tensor dx) override;
  void MatMulWeightGradient(Tensor dy, Tensor x, Tensor dw) override;
  void ColumnSum(Tensor dy, Tensor db) override;
  void SwiGluForward(Tensor gate_up, Tensor y) override;
  void SwiGluBackward(Tensor gate_up, Tensor dy, Tensor dgate_up) override;
  void KvWrite(Tensor k, Tensor v, const DeviceBatch& batch,
               const KvPages& cache) override;
  void AttentionForward(Tensor q, const DeviceBatch& batch,
                        const KvPages& cache, float scale, Tensor out,
                        Tensor lse) override;
  void AttentionBackward(Tensor q, Tensor out, Tensor lse, Tensor dout,
                         const DeviceBatch& batch, const KvPages& cache,
                         float scale, Tensor dq, Tensor dk, Tensor dv) override;
  void LogprobForward(Tensor h, const Linear& head, Tensor targets,
                      float inv_temperature, Tensor logprob,
                      Tensor entropy) override;
  void LogprobBackward(Tensor h, const Linear& head, Tensor targets,
                       float inv_temperature, Tensor dlogprob, Tensor dentropy,
                       Tensor dh, Tensor dhead, Tensor logprob,
                       Tensor entropy) override;
  void Sample(Tensor logits, absl::Span<const SampleRequest> requests,
              Tensor tokens, Tensor logprobs) override;
  void AdamW(Tensor params, Tensor grads, Tensor m, Tensor v,
             const AdamWParams& p) override;
  double SumSquares(Tensor x) override;
  void ForEachTask(int64_t count,
                   absl::FunctionRef<void(int64_t)> task) override;

 private:
  ThreadPool pool_;
  CpuScratch scratch_;
};

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_CPU_OPS_H_
