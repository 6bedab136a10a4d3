// What ops need to know of a batch of tokens: told by the host, then held where
// the ops run.
#ifndef R1_KERNELS_BATCH_H_
#define R1_KERNELS_BATCH_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/tensor.h"

namespace r1 {

// The rows of one sequence inside a packed batch.
struct SequenceRows {
  int64_t row_begin = 0;       // first row in the batch
  int64_t row_count = 0;       // rows in this call (1 when decoding)
  int64_t first_position = 0;  // absolute position of the first row
  // pages[i] holds positions [i * kPageTokens, (i + 1) * kPageTokens); covers
  // at least first_position + row_count positions.
  absl::Span<const int32_t> pages;
  // For AttentionBackward, where first_position > 0: the row of position 0.
  // The positions before first_position, a prefix that several sequences may
  // share, are the rows from there on.
  int64_t prefix_begin = 0;
};

// Tokens of several sequences, one after the other, in memory of the host.
struct HostBatch {
  absl::Span<const int32_t> tokens;     // [T]
  absl::Span<const int32_t> positions;  // [T], absolute
  absl::Span<const SequenceRows> sequences;
  // Rows whose keys and values go to further pages: the end of a prefix that
  // sequences share, to the page in which each of them goes on.
  absl::Span<const SequenceRows> copies = {};
  // Rows that a head stands on, and what each of them predicts. [R]
  absl::Span<const int32_t> out_rows = {};
  absl::Span<const int32_t> targets = {};
};

// The same where the ops run, made by Ops::MakeBatch and set by Ops::Prepare.
// Threads: as a plain array.
struct DeviceBatch {
  virtual ~DeviceBatch() = default;

  int64_t num_tokens() const { return tokens.cols; }

  Tensor tokens, positions;  // [1, T]
  Tensor out_rows, targets;  // [1, R]
};

}  // namespace r1

#endif  // R1_KERNELS_BATCH_H_
