// A batch on the CPU: copies of what the host said.
#ifndef R1_KERNELS_CPU_CPU_BATCH_H_
#define R1_KERNELS_CPU_CPU_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/check.h"
#include "kernels/batch.h"
#include "kernels/matrix.h"

namespace r1::cpu {

struct CpuBatch : DeviceBatch {
  std::vector<int32_t> ids, pages;      // what the tensors and spans point to
  std::vector<SequenceRows> sequences;  // and then the copies
  int64_t num_sequences = 0;
};

// The sequences that attend.
inline absl::Span<const SequenceRows> SequencesOf(const DeviceBatch& batch) {
  const auto& b = static_cast<const CpuBatch&>(batch);
  return absl::MakeConstSpan(b.sequences).subspan(0, b.num_sequences);
}
// Those whose keys and values are written: the copies, too.
inline absl::Span<const SequenceRows> WritesOf(const DeviceBatch& batch) {
  return static_cast<const CpuBatch&>(batch).sequences;
}

// Aborts unless the ids are rows of a matrix of `rows` rows.
inline void CheckIds(const Ids& ids, int64_t rows) {
  for (int64_t i = 0; i < ids.cols; ++i) {
    R1_CHECK(ids.data[i] >= 0 && ids.data[i] < rows, "ids lie in the matrix");
  }
}

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_CPU_BATCH_H_
