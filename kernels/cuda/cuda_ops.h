// The ops of kernels/ops.h on a CudaDevice. Arithmetic and orders are those of
// elementwise.h, gemm.h, attention.h and head.h; here are the shapes of scratch
// and the formats:
//   operands of the tensor cores are bf16, and what comes in fp32 is rounded to
//   it on the way; sums, statistics and gradients of parameters are fp32; other
//   results have the format of their tensor.
#ifndef R1_KERNELS_CUDA_CUDA_OPS_H_
#define R1_KERNELS_CUDA_CUDA_OPS_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "absl/types/span.h"
#include "kernels/arena.h"
#include "kernels/cuda/cuda_batch.h"
#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/upload.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1::cuda {

class CudaOps : public Ops {
 public:
  CudaOps(CudaDevice* device, int threads);

  Device* device() const override { return device_; }
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
  // Batches that this object made, to know the ids behind their tensors.
  struct OwnedBatch;

  // x as an operand of the tensor cores: itself, or a copy in the scratch.
  Tensor Operand(const Tensor& x);
  Tensor Floats(int64_t count) { return scratch_.Take(1, count); }
  Ticket DownloadBytes(const Tensor& from, void* to, int64_t count);
  std::vector<int32_t> IdsOnHost(const Tensor& ids);
  void MatMulTo(Tensor x, const Linear& w, Tensor bias, Tensor start, Tensor y);
  const DeviceAttentionTables& TablesOf(const DeviceBatch& batch,
                                        const Tensor& q, const KvPages& cache,
                                        bool for_backward);

  CudaDevice* const device_;
  Runtime& runtime_;
  Stream& stream_;
  ThreadPool pool_;
  Arena scratch_;  // of one op
  UploadRing uploads_;
  std::set<const CudaBatch*> batches_;
  // Downloads that were not waited for, and the number of the first.
  std::deque<std::unique_ptr<Event>> downloads_;
  uint64_t first_download_ = 1;
};

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_CUDA_OPS_H_
