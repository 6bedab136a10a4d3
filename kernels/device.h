// Where tensors lie and ops run.
#ifndef R1_KERNELS_DEVICE_H_
#define R1_KERNELS_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "kernels/dtype.h"
#include "kernels/tensor.h"

namespace r1 {

struct Linear;
class Ops;

// A device outlives all that was made of it. Threads: safe from any thread; two
// threads do not read and write the same memory at once.
class Device {
 public:
  virtual ~Device() = default;

  // What its bits depend on: part of a run's identity. "AVX3".
  virtual std::string identity() const = 0;
  // Of what ops hand on to each other within a layer. The residual stream,
  // log-probs, gradients and the optimizer's numbers are fp32 everywhere.
  virtual DType activation_dtype() const = 0;

  // Of which memory can be had, the device's or what this process may use.
  virtual int64_t memory_bytes() const = 0;
  // InvalidArgument, naming the sizes that there are, if its ops have no
  // attention for heads of so many channels.
  virtual absl::Status CheckHeadSize(int head_dim) const = 0;

  // A set of ops that run on it. `threads`: of the host, where it is the one
  // that computes.
  virtual std::unique_ptr<Ops> MakeOps(int threads) = 0;

  // Memory, all zero, aligned to 64 bytes or more. Aborts when none is left:
  // a plan tells beforehand (model/memory_plan.h).
  virtual DevicePtr Allocate(int64_t bytes) = 0;
  virtual void Free(DevicePtr at, int64_t bytes) = 0;

  // Elements [begin, begin + size) of a tensor without gaps, from and to memory
  // of the host, once all ops that were called before have run.
  virtual void Read(Tensor x, int64_t begin, absl::Span<float> out) = 0;
  virtual void Write(absl::Span<const float> values, int64_t begin,
                     Tensor x) = 0;

  // Weight matrices, in the order that its ops read them (kernels/linear.h).
  // Bytes of W [outputs, depth].
  virtual int64_t LinearBytes(int64_t outputs, int64_t depth,
                              DType dtype) const = 0;
  // Makes room for W [outputs, depth] in w->dtype; its elements are undefined.
  virtual void ResizeLinear(int64_t outputs, int64_t depth, Linear* w) = 0;
  // Elements [begin, begin + size) of W in row-major order; what is written is
  // rounded to w->dtype.
  virtual void ReadLinear(const Linear& w, int64_t begin,
                          absl::Span<float> out) = 0;
  virtual void WriteLinear(absl::Span<const float> values, int64_t begin,
                           Linear* w) = 0;
};

// The processor of this machine.
Device* CpuDevice();

}  // namespace r1

#endif  // R1_KERNELS_DEVICE_H_
