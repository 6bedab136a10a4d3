// The CPU as a device: memory of this process.
#ifndef R1_KERNELS_CPU_CPU_DEVICE_H_
#define R1_KERNELS_CPU_CPU_DEVICE_H_

#include <memory>
#include <string>

#include "kernels/device.h"

namespace r1::cpu {

class Cpu : public Device {
 public:
  std::string identity() const override;
  DType activation_dtype() const override { return DType::kF32; }
  int64_t memory_bytes() const override;
  absl::Status CheckHeadSize(int) const override { return absl::OkStatus(); }
  std::unique_ptr<Ops> MakeOps(int threads) override;
  DevicePtr Allocate(int64_t bytes) override;
  void Free(DevicePtr at, int64_t bytes) override;
  void Read(Tensor x, int64_t begin, absl::Span<float> out) override;
  void Write(absl::Span<const float> values, int64_t begin, Tensor x) override;
  // Defined in linear.cc.
  int64_t LinearBytes(int64_t outputs, int64_t depth,
                      DType dtype) const override;
  void ResizeLinear(int64_t outputs, int64_t depth, Linear* w) override;
  void ReadLinear(const Linear& w, int64_t begin,
                  absl::Span<float> out) override;
  void WriteLinear(absl::Span<const float> values, int64_t begin,
                   Linear* w) override;
};

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_CPU_DEVICE_H_
