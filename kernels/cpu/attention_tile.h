// The unit of work of the attention forward pass.
#ifndef R1_KERNELS_CPU_ATTENTION_TILE_H_
#define R1_KERNELS_CPU_ATTENTION_TILE_H_

#include <cstdint>

#include "kernels/matrix.h"
#include "kernels/ops.h"

namespace r1::cpu {

// What the tasks of one call share.
struct AttentionCall {
  ConstMat q;
  const KvPages* cache;
  float scale;
  Mat out;
  Mat lse;
  int group;  // query heads per kv-head
};

// Consecutive tokens of a sequence and the query heads of one kv-head:
// tokens * group rows that read the same keys.
struct AttentionTile {
  const SequenceRows* sequence;
  int kv_head;
  int64_t first;  // row within the sequence
  int64_t tokens;

  // Keys that the last row sees.
  int64_t keys() const { return sequence->first_position + first + tokens; }
};

// One row of a tile: a query and what its softmax needs.
struct RowState {
  int64_t keys;  // visible ones
  float max;     // of the scaled scores
  float sum;     // of the exponentials
};

// Working memory of one tile, `size` floats from `data` (null: size only).
struct TileScratch {
  TileScratch(float* data, int64_t rows, int64_t depth, int64_t keys)
      : rows(rows), stride(KvPages::PagesFor(keys) * kPageTokens) {
    const auto take = [&](int64_t count) {
      float* begin = data == nullptr ? nullptr : data + size;
      size += (count + 15) / 16 * 16;
      return begin;
    };
    state = reinterpret_cast<RowState*>(
        take(rows * sizeof(RowState) / sizeof(float)));
    q = take(rows * depth);
    acc = take(rows * depth);
    scores = take(rows * stride);
  }

  int64_t rows;
  int64_t stride;   // padded keys
  RowState* state;  // [rows]
  float *q, *acc;   // [rows, D]
  float* scores;    // [rows, stride]
  int64_t size = 0;
};

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_ATTENTION_TILE_H_
