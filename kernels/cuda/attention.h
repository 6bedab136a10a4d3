// Causal grouped-query attention over pages of keys and values, forward and
// backward. D is a multiple of 16 up to 128. Pages are in bf16 and hold for
// each kv-head the keys [kPageTokens, D], then the values [kPageTokens, D].
//
// Rows of a sequence here are pairs (token, query head of the kv-head's group),
// token by token: the heads of a group read the same keys. A row's number is
// that of its position: position * group + head in the group.
#ifndef R1_KERNELS_CUDA_ATTENTION_H_
#define R1_KERNELS_CUDA_ATTENTION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "kernels/batch.h"
#include "kernels/cuda/launch.h"
#include "kernels/ops.h"

namespace r1::cuda {

// SequenceRows without spans.
struct AttentionSequence {
  int row_begin, row_count, first_position;
  int page_begin;  // of its list in the list of all
};

// Some rows of a sequence, from its row `first` (counted from the row of
// first_position) on.
struct AttentionTile {
  int sequence;
  int first;
};

// Keys [key_begin, key_end) of one kv-head, at most kTileKeys, whose gradients
// one block sums. Sequences [sequence_begin, sequence_end) see them, or some of
// them, as a prefix that they share or as their own.
struct KeyTile {
  int key_begin, key_end;  // positions
  int page_begin;          // of a list of pages that holds them
  int gradient_row;        // row of dk and dv of key_begin
  int sequence_begin, sequence_end;
  int is_prefix;  // of a sequence that does not begin at 0: its prefix's keys
};

// Rows of a tile: in a pass of few rows a warp's, its keys split over blocks;
// otherwise of four warps that walk through all keys.
inline constexpr int kSplitRows = 16;
inline constexpr int kFoldRows = 64;

// What the kernels need to know of a batch, for one size of group.
struct AttentionTables {
  std::vector<AttentionSequence> sequences;
  std::vector<int32_t> pages;
  std::vector<AttentionTile> split_tiles;  // of sequences of up to kSplitRows
  std::vector<AttentionTile> fold_tiles;   // of the others
  std::vector<AttentionTile> row_tiles;    // of all, of kFoldRows
  std::vector<KeyTile> key_tiles;
  int splits = 0;  // that the longest of split_tiles has
};
// `for_backward`: row_tiles and key_tiles; otherwise split and fold tiles.
AttentionTables MakeAttentionTables(absl::Span<const SequenceRows> sequences,
                                    int group, bool for_backward);

// The same on the device: int32, a row an entry.
struct DeviceAttentionTables {
  Tensor sequences;                           // [S, 4]
  Tensor pages;                               // [1, all]
  Tensor split_tiles, fold_tiles, row_tiles;  // [tiles, 2]
  Tensor key_tiles;                           // [tiles, 7]
  int splits = 0;
};

// As Ops::AttentionForward. Shapes: q [T, H * D] bf16, whose rows begin at
// multiples of 16 bytes; out [T, H * D] bf16; lse [T, H] fp32 (natural
// logarithm) or empty; scratch [1, AttentionScratch(…) or more] fp32.
int64_t AttentionScratch(const DeviceAttentionTables& tables,
                         const KvPages& cache);
void AttentionForward(Tensor q, const DeviceAttentionTables& tables,
                      const KvPages& cache, float scale, Tensor out, Tensor lse,
                      Tensor scratch, Stream& stream);

// As Ops::AttentionBackward, with tables that were made for_backward.
// Shapes: q, out and dout [T, H * D] bf16, q and dout with rows that begin at
// multiples of 16 bytes; lse [T, H], dq [T, H * D], dk and dv [T or more, K *
// D] fp32; scratch [1, T * H or more] fp32.
//
// dq of a row is one chain of steps of 16 keys, ascending by position. dk and
// dv of a key are one chain each from the old value: over the sequences in
// order, for each over its rows by number in steps of 16. As rows and keys are
// numbered by position, whether a prefix is shared changes no step.
void AttentionBackward(Tensor q, Tensor out, Tensor lse, Tensor dout,
                       const DeviceAttentionTables& tables,
                       const KvPages& cache, float scale, Tensor dq, Tensor dk,
                       Tensor dv, Tensor scratch, Stream& stream);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ATTENTION_H_
