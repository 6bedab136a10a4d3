// A GPU, or the emulated device in its place, as a Device.
#ifndef R1_KERNELS_CUDA_CUDA_DEVICE_H_
#define R1_KERNELS_CUDA_CUDA_DEVICE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "kernels/cuda/runtime.h"
#include "kernels/device.h"

namespace r1::cuda {

// All of its work is in one stream: memory that one set of ops wrote can be
// read by another. An error of the device leaves its memory undefined: see
// ExitIfFailed.
class CudaDevice : public Device {
 public:
  explicit CudaDevice(std::unique_ptr<Runtime> runtime);
  ~CudaDevice() override;

  std::string identity() const override;
  DType activation_dtype() const override { return DType::kBF16; }
  int64_t memory_bytes() const override;
  absl::Status CheckHeadSize(int head_dim) const override;
  std::unique_ptr<Ops> MakeOps(int threads) override;
  DevicePtr Allocate(int64_t bytes) override;
  void Free(DevicePtr at, int64_t bytes) override;
  void Read(Tensor x, int64_t begin, absl::Span<float> out) override;
  void Write(absl::Span<const float> values, int64_t begin, Tensor x) override;
  // A Linear is a row-major bf16 matrix whose rows begin at multiples of 16
  // bytes. The tensor cores take nothing wider, so one that asks for fp32
  // becomes bf16, too.
  int64_t LinearBytes(int64_t outputs, int64_t depth,
                      DType dtype) const override;
  void ResizeLinear(int64_t outputs, int64_t depth, Linear* w) override;
  void ReadLinear(const Linear& w, int64_t begin,
                  absl::Span<float> out) override;
  void WriteLinear(absl::Span<const float> values, int64_t begin,
                   Linear* w) override;

  Runtime& runtime() { return *runtime_; }
  Stream& stream() { return *stream_; }
  // Waits until all work that was enqueued is done.
  void Synchronize();

 private:
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Stream> stream_;
  absl::Mutex mutex_;
  // By address. Guarded by mutex_.
  std::map<std::uintptr_t, std::unique_ptr<DeviceMemory>> memory_;
};

// Ends the process with a line that names an error of a device: with 1 where
// memory has run out, else with 75, as for everything that the same command may
// get over. Nothing that was saved is lost.
void ExitIfFailed(const absl::Status& status);

// W as a matrix of bf16.
Tensor MatrixOf(const Linear& w);

// GPU `index` of this machine.
absl::StatusOr<std::unique_ptr<Device>> OpenCudaDevice(int index);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_CUDA_DEVICE_H_
