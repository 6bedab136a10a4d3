// A weight matrix in the order that the matrix kernels read it.
#ifndef R1_KERNELS_LINEAR_H_
#define R1_KERNELS_LINEAR_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/buffer.h"
#include "kernels/dtype.h"

namespace r1 {

// W [outputs, depth] of y = x W^T. Set by Ops::SetLinear once per version of
// the weights; the layout of `data` belongs to the backend. In bf16 the
// elements are the nearest ones; every product expands them and computes in
// fp32. Threads: as a plain array.
struct Linear {
  Buffer data;
  int64_t outputs = 0;
  int64_t depth = 0;
  DType dtype = DType::kF32;

  int64_t count() const { return outputs * depth; }
};

// Elements [begin, begin + size) of W in row-major order, from and to memory of
// the host; one thread. What is written is rounded to w->dtype.
void ReadLinear(const Linear& w, int64_t begin, absl::Span<float> out);
void WriteLinear(absl::Span<const float> values, int64_t begin, Linear* w);

// Bytes of W [outputs, depth].
int64_t LinearBytes(int64_t outputs, int64_t depth, DType dtype);

// Makes room for W [outputs, depth] in w->dtype; its elements are undefined.
void ResizeLinear(int64_t outputs, int64_t depth, Linear* w);

}  // namespace r1

#endif  // R1_KERNELS_LINEAR_H_
