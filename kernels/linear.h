// A weight matrix in the order that the matrix kernels read it.
#ifndef R1_KERNELS_LINEAR_H_
#define R1_KERNELS_LINEAR_H_

#include <cstdint>

#include "kernels/buffer.h"
#include "kernels/dtype.h"

namespace r1 {

// W [outputs, depth] of y = x W^T. Set by Ops::SetLinear once per version of
// the weights; the layout of `data` is its device's. In bf16 the
// elements are the nearest ones; every product expands them and computes in
// fp32. Threads: as a plain array.
struct Linear {
  Buffer data;
  int64_t outputs = 0;
  int64_t depth = 0;
  DType dtype = DType::kF32;

  int64_t count() const { return outputs * depth; }
};

}  // namespace r1

#endif  // R1_KERNELS_LINEAR_H_
