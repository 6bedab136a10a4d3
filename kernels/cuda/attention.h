// Causal grouped-query attention over pages of keys and values, forward and
// backward.
//
// Page p of a cache holds for each kv-head the keys [kPageTokens, D], then the
// values [kPageTokens, D], in bf16. D is a multiple of 16 up to 128.
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

// Where the tables lie on the device, and how many entries they have.
struct DeviceTables {
  const AttentionSequence* sequences;
  const int32_t* pages;
  const AttentionTile *split_tiles, *fold_tiles, *row_tiles;
  const KeyTile* key_tiles;
  int num_split_tiles, num_fold_tiles, num_row_tiles, num_key_tiles;
  int splits;
};

struct AttentionArgs {
  DeviceTables tables;
  const bf16* cache;
  int heads, kv_heads, depth;  // H, K, D
  float scale;
  const bf16* q;  // [T, H * D]; rows begin at multiples of 16 bytes
  int64_t q_stride;
  bf16* out;  // [T, H * D]
  int64_t out_stride;
  float* lse;  // [T, H], natural logarithm, or null
  int64_t lse_stride;
  float* partials;  // AttentionPartials(…) floats of scratch
};
int64_t AttentionPartials(const AttentionArgs& args);
void LaunchAttentionForward(Stream stream, const AttentionArgs& args);

// Gradient over whole sequences, as Ops::AttentionBackward; `forward` holds q,
// out and lse of the forward pass, and tables made for_backward.
//
// dq of a row is one chain of steps of 16 keys, ascending by position. dk and
// dv of a key are one chain each from the old value: over the sequences in
// order, for each over its rows by number in steps of 16. As rows and keys are
// numbered by position, whether a prefix is shared changes no step.
struct AttentionGradientArgs {
  AttentionArgs forward;
  int rows;          // T
  const bf16* dout;  // [T, H * D]
  int64_t dout_stride;
  float* delta;  // [T, H] of scratch
  float* dq;     // [T, H * D], assigned
  int64_t dq_stride;
  float *dk, *dv;  // [T or more, K * D], added to
  int64_t dk_stride, dv_stride;
};
void LaunchAttentionBackward(Stream stream, const AttentionGradientArgs& args);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_ATTENTION_H_
