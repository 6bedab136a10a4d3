// Tables that kernels need of a batch and that the host can make of what it
// knows: the tokens and the places of sequences.
#ifndef R1_KERNELS_CUDA_ROW_TABLES_H_
#define R1_KERNELS_CUDA_ROW_TABLES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "kernels/batch.h"

namespace r1::cuda {

// The rows of each id that occurs, for ScatterAddRows: of ids[g] they are
// rows[begins[g]] to rows[begins[g + 1] - 1], ascending. Ids ascend.
struct RowsById {
  std::vector<int32_t> ids;     // [G]
  std::vector<int32_t> begins;  // [G + 1]
  std::vector<int32_t> rows;    // [T]
};
RowsById GroupRowsById(absl::Span<const int32_t> ids);

// Pairs (row, slot) for KvWrite: the rows of the batch's sequences and of its
// copies, each at the place of its position in the sequence's pages.
std::vector<int32_t> KvWritesOf(const HostBatch& batch);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ROW_TABLES_H_
