// Causal grouped-query attention over KV pages (Vaswani et al. 2017, eq. 1;
// Ainslie et al. 2023).
//
// The order of every reduction is fixed by the absolute index of a key, so a
// row has the same bits whether it is decoded alone, prefilled in a chunk or
// scored in a packed batch:
//   score[j]  one chain of fused multiply-adds over the channels, ascending
//   max       over all visible keys (exact in any order)
//   sum       one chain per key slot of a page (j mod kPageTokens), over the
//             pages ascending; then a fixed tree over the slots
//   out[c]    one chain over the keys, ascending; times 1 / sum last
// Keys behind a row's position are never read into a sum.

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "base/math.h"
#include "kernels/cpu/attention_tasks.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/cpu_batch.h"
#include "kernels/cpu/cpu_ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After highway.h
#include "kernels/cpu/attention_decode-inl.h"
#include "kernels/cpu/attention_softmax-inl.h"
#include "kernels/cpu/simd-inl.h"
#include "kernels/cpu/small_gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

// Rows see different numbers of keys of one page.
struct CausalDepth {
  static constexpr bool kSame = false;
  const RowState* rows;
  int64_t first_key;
  int64_t operator()(int64_t row) const {
    return std::clamp<int64_t>(rows[row].keys - first_key, 0, kPageTokens);
  }
};

// Divides the sums of a tile by the sums of its exponentials, into out and lse.
HWY_INLINE void StoreTile(const AttentionCall& call, const AttentionTile& tile,
                          const float* acc, const RowState* rows) {
  const FloatTag d;
  const int64_t depth = call.cache->head_dim;
  for (int64_t r = 0; r < tile.tokens * call.group; ++r) {
    const int64_t row = tile.sequence->row_begin + tile.first + r / call.group;
    const int64_t head = int64_t{tile.kv_head} * call.group + r % call.group;
    const auto inverse = hn::Set(d, 1.0f / rows[r].sum);
    const float* from = acc + r * depth;
    Transform(d, depth, call.out.Row(row) + head * depth,
              [&](auto load) HWY_ATTR { return hn::Mul(load(from), inverse); });
    if (call.lse.data != nullptr) {
      call.lse.Row(row)[head] = rows[r].max + Log(rows[r].sum);
    }
  }
}

// Dot products of the queries with the keys, page by page.
HWY_INLINE void TileScores(const AttentionTile& tile, const KvPages& cache,
                           const TileScratch& w) {
  const int64_t depth = cache.head_dim;
  constexpr int64_t kUnit = 16;  // columns worth leaving out
  for (int64_t begin = 0; begin < tile.keys(); begin += kPageTokens) {
    const int64_t keys = (tile.keys() - begin + kUnit - 1) / kUnit * kUnit;
    const int32_t page = tile.sequence->pages[begin / kPageTokens];
    SmallGemm<Start::kZero>({w.q, depth, 1},
                            {KeyBlock(cache, page, tile.kv_head), kPageTokens},
                            w.rows, std::min<int64_t>(keys, kPageTokens),
                            SameDepth{depth}, {w.scores + begin, w.stride});
  }
}

// acc = sum of the values weighted with the exponentials, page by page.
HWY_INLINE void TileValues(const AttentionTile& tile, const KvPages& cache,
                           const TileScratch& w) {
  const int64_t depth = cache.head_dim;
  std::memset(w.acc, 0, w.rows * depth * sizeof(float));
  for (int64_t begin = 0; begin < tile.keys(); begin += kPageTokens) {
    const int32_t page = tile.sequence->pages[begin / kPageTokens];
    const Strided p = {w.scores + begin, w.stride, 1};
    const ConstRows values = {ValueBlock(cache, page, tile.kv_head), depth};
    const Rows acc = {w.acc, depth};
    if (begin + kPageTokens <= w.state[0].keys) {
      SmallGemm<Start::kFromC>(p, values, w.rows, depth, SameDepth{kPageTokens},
                               acc);
    } else {
      SmallGemm<Start::kFromC>(p, values, w.rows, depth,
                               CausalDepth{w.state, begin}, acc);
    }
  }
}

void AttendTile(const AttentionCall& call, const AttentionTile& tile,
                float* scratch) {
  if (DecodeTile(call, tile, scratch)) return;
  const KvPages& cache = *call.cache;
  const int64_t width = int64_t{call.group} * cache.head_dim;
  const TileScratch w(scratch, tile.tokens * call.group, cache.head_dim,
                      tile.keys());
  for (int64_t i = 0; i < tile.tokens; ++i) {
    const int64_t row = tile.sequence->row_begin + tile.first + i;
    std::memcpy(w.q + i * width, call.q.Row(row) + tile.kv_head * width,
                width * sizeof(float));
    for (int g = 0; g < call.group; ++g) {
      w.state[i * call.group + g].keys = tile.keys() - tile.tokens + 1 + i;
    }
  }
  TileScores(tile, cache, w);
  for (int64_t r = 0; r < w.rows; ++r) {
    ExpScores(w.scores + r * w.stride, w.state[r].keys, call.scale,
              &w.state[r]);
  }
  TileValues(tile, cache, w);
  StoreTile(call, tile, w.acc, w.state);
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
namespace {

HWY_EXPORT(AttendTile);

// Tokens in a tile: enough rows to reuse the keys, a multiple of the rows that
// the inner loop takes at once where possible.
int64_t TileTokens(int64_t group) {
  constexpr int64_t kRows = 32;
  for (const int64_t unit : {8, 4}) {
    for (int64_t tokens = kRows; tokens > 0; --tokens) {
      const int64_t rows = tokens * group;
      if (rows <= kRows && rows % unit == 0) return tokens;
    }
  }
  return std::max<int64_t>(1, kRows / group);
}

void CheckShapes(ConstMat q, const KvPages& cache, const Mat& out,
                 const Mat& lse) {
  R1_CHECK(cache.num_kv_heads > 0 && cache.head_dim > 0, "K and D are set");
  const int64_t width = int64_t{cache.num_kv_heads} * cache.head_dim;
  R1_CHECK(q.cols % width == 0, "q is [T, H * D], H a multiple of K");
  R1_CHECK(out.rows == q.rows && out.cols == q.cols, "out is [T, H * D]");
  R1_CHECK(lse.data == nullptr ||
               (lse.rows == q.rows && lse.cols * cache.head_dim == q.cols),
           "lse is [T, H] or empty");
}

}  // namespace

// A NaN or infinite score gives a row of NaN.
void CpuOps::AttentionForward(Tensor q, const DeviceBatch& batch,
                              const KvPages& cache, float scale, Tensor out,
                              Tensor lse) {
  const absl::Span<const SequenceRows> sequences = SequencesOf(batch);
  CheckShapes(q, cache, out, lse);
  CheckSequences(sequences, cache, q.rows);
  const int heads = cache.num_kv_heads;
  const AttentionCall call = {
      q,   &cache, scale,
      out, lse,    static_cast<int>(q.cols / cache.head_dim / heads)};
  const int64_t tile_tokens = TileTokens(call.group);
  int64_t max_keys = 0;
  for (const SequenceRows& s : sequences) {
    max_keys = std::max(max_keys, s.first_position + s.row_count);
  }
  const int64_t per_thread =
      TileScratch(nullptr, tile_tokens * call.group, cache.head_dim, max_keys)
          .size;
  scratch_.attention.Reserve(per_thread * pool_.num_threads());
  const SequenceTasks tasks(sequences, [&](const SequenceRows& s) {
    return (s.row_count + tile_tokens - 1) / tile_tokens * heads;
  });
  pool_.ParallelFor(tasks.count(), [&](int64_t task, int thread) {
    const SequenceTasks::Task t = tasks.Find(task);
    const SequenceRows& s = sequences[t.sequence];
    // The last tile of a sequence is the longest: it goes first.
    const int64_t tile = t.parts / heads - 1 - t.part % (t.parts / heads);
    const int64_t first = tile * tile_tokens;
    HWY_DYNAMIC_DISPATCH(AttendTile)
    (call,
     {&s, static_cast<int>(t.part / (t.parts / heads)), first,
      std::min(tile_tokens, s.row_count - first)},
     FloatsOf(scratch_.attention) + thread * per_thread);
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
