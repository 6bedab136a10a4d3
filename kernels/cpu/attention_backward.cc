#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/attention_tasks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_backward.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After highway.h
#include "kernels/cpu/exp-inl.h"
#include "kernels/cpu/simd-inl.h"
#include "kernels/cpu/small_gemm-inl.h"

#ifndef R1_KERNELS_CPU_ATTENTION_BACKWARD_CC_
#define R1_KERNELS_CPU_ATTENTION_BACKWARD_CC_
namespace r1::cpu {

// What the tasks of one call share.
struct AttentionGradient {
  ConstMat q, out, lse, dout;
  const KvPages* cache;
  float scale;
  Mat dq, dk, dv;
  int group;  // query heads per kv-head
};

// Query rows taken at a time: tokens * group of them read one page of keys.
inline int64_t BackwardTileTokens(int64_t group) {
  constexpr int64_t kRows = 16;
  return std::max<int64_t>(1, kRows / group);
}

// Working memory of one task, `size` floats from `data` (null: sizes only).
struct GradientScratch {
  GradientScratch(float* data, int64_t tokens, int64_t group, int64_t depth) {
    const int64_t rows = BackwardTileTokens(group) * group;
    size = 0;
    const auto take = [&](int64_t count) {
      float* begin = data == nullptr ? nullptr : data + size;
      size += (count + 15) / 16 * 16;
      return begin;
    };
    q = take(rows * depth);
    dout = take(rows * depth);
    dq = take(rows * depth);
    p = take(rows * kPageTokens);
    ds = take(rows * kPageTokens);
    key_rows = take(depth * kPageTokens);
    value_columns = take(depth * kPageTokens);
    dk = take(depth * kPageTokens);
    dv = take(depth * kPageTokens);
    lse = take(tokens * group);
    delta = take(tokens * group);
  }

  float *q, *dout, *dq;             // tile: [rows, D]
  float *p, *ds;                    // tile: [rows, kPageTokens]
  float *key_rows, *value_columns;  // page: [kPageTokens, D], [D, kPageTokens]
  float *dk, *dv;                   // page: [kPageTokens, D]
  float *lse, *delta;               // task: [tokens, group]; dout . out
  int64_t size;
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_ATTENTION_BACKWARD_CC_

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

// One page of keys against one tile of query rows.
struct PageTile {
  int64_t first;  // token of the first row
  int64_t rows;
  int64_t page;  // first key = page * kPageTokens
  int64_t keys;  // keys in the page
};

HWY_INLINE float Dot(const float* a, const float* b, int64_t n) {
  const FloatTag d;
  auto sum = hn::Zero(d);
  ForEachVector(
      d, n,
      [&](int64_t i) HWY_ATTR {
        sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
      },
      [&](int64_t i, int64_t count) HWY_ATTR {
        sum = hn::MulAdd(LoadPartial(d, a + i, count),
                         LoadPartial(d, b + i, count), sum);
      });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// to[c, r] = from[r, c], `rows` x `cols`, with `stride` elements per row of
// `to`.
HWY_INLINE void Transpose(const float* from, int64_t rows, int64_t cols,
                          int64_t from_stride, float* to, int64_t to_stride) {
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) {
      to[c * to_stride + r] = from[r * from_stride + c];
    }
  }
}

// From the dot products in p (q . k) and ds (dout . v) to the probabilities
// and the gradient of the dot products, both 0 where the row does not see.
HWY_INLINE void ScoreGradients(const AttentionGradient& call,
                               const PageTile& tile, const float* lse,
                               const float* delta, float* p, float* ds) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  const auto scale = hn::Set(d, call.scale);
  for (int64_t r = 0; r < tile.rows; ++r) {
    const int64_t token = tile.first + r / call.group;
    const int64_t visible = token - tile.page * kPageTokens + 1;
    for (int64_t j = 0; j < kPageTokens; j += kLanes) {
      const auto mask =
          hn::FirstN(d, std::clamp<int64_t>(visible - j, 0, kLanes));
      const auto score = hn::Mul(scale, hn::LoadU(d, p + j));
      const auto prob = hn::IfThenElseZero(
          mask, ExpBounded(d, hn::Sub(score, hn::Set(d, lse[r]))));
      const auto slope = hn::Sub(hn::LoadU(d, ds + j), hn::Set(d, delta[r]));
      hn::StoreU(prob, d, p + j);
      hn::StoreU(hn::IfThenElseZero(mask, hn::Mul(hn::Mul(prob, slope), scale)),
                 d, ds + j);
    }
    p += kPageTokens;
    ds += kPageTokens;
  }
}

// Copies `group` heads of each token of a tile to or from [rows, D].
HWY_INLINE void LoadTile(ConstMat from, int64_t row, int64_t col,
                         int64_t tokens, int64_t width, float* to) {
  for (int64_t i = 0; i < tokens; ++i) {
    std::memcpy(to + i * width, from.Row(row + i) + col, width * sizeof(float));
  }
}
HWY_INLINE void StoreTile(const float* from, int64_t tokens, int64_t width,
                          Mat to, int64_t row, int64_t col) {
  for (int64_t i = 0; i < tokens; ++i) {
    std::memcpy(to.Row(row + i) + col, from + i * width, width * sizeof(float));
  }
}

// Adds the part of one tile to the gradients of a page and to dq.
HWY_INLINE void AddTile(const AttentionGradient& call, const SequenceRows& s,
                        int kv_head, const PageTile& tile,
                        const float* key_columns, const GradientScratch& w) {
  const int64_t depth = call.cache->head_dim;
  const int64_t width = call.group * depth;
  const int64_t tokens = tile.rows / call.group;
  const int64_t row = s.row_begin + tile.first;
  const int64_t col = kv_head * width;
  LoadTile(call.q, row, col, tokens, width, w.q);
  LoadTile(call.dout, row, col, tokens, width, w.dout);
  if (tile.page == 0) {
    std::memset(w.dq, 0, tile.rows * depth * sizeof(float));
  } else {
    LoadTile(call.dq, row, col, tokens, width, w.dq);
  }
  SmallGemm<Start::kZero>({w.q, depth, 1}, {key_columns, kPageTokens},
                          tile.rows, kPageTokens, SameDepth{depth},
                          {w.p, kPageTokens});
  SmallGemm<Start::kZero>({w.dout, depth, 1}, {w.value_columns, kPageTokens},
                          tile.rows, kPageTokens, SameDepth{depth},
                          {w.ds, kPageTokens});
  const int64_t first_row = tile.first * call.group;
  ScoreGradients(call, tile, w.lse + first_row, w.delta + first_row, w.p, w.ds);
  SmallGemm<Start::kFromC>({w.p, 1, kPageTokens}, {w.dout, depth}, tile.keys,
                           depth, SameDepth{tile.rows}, {w.dv, depth});
  SmallGemm<Start::kFromC>({w.ds, 1, kPageTokens}, {w.q, depth}, tile.keys,
                           depth, SameDepth{tile.rows}, {w.dk, depth});
  SmallGemm<Start::kFromC>({w.ds, kPageTokens, 1}, {w.key_rows, depth},
                           tile.rows, depth, SameDepth{tile.keys},
                           {w.dq, depth});
  StoreTile(w.dq, tokens, width, call.dq, row, col);
}

// delta = dout . out and the lse of every row of one kv-head's group.
HWY_INLINE void RowConstants(const AttentionGradient& call,
                             const SequenceRows& s, int kv_head,
                             const GradientScratch& w) {
  const int64_t depth = call.cache->head_dim;
  for (int64_t r = 0; r < s.row_count * call.group; ++r) {
    const int64_t row = s.row_begin + r / call.group;
    const int64_t head = int64_t{kv_head} * call.group + r % call.group;
    w.delta[r] = Dot(call.dout.Row(row) + head * depth,
                     call.out.Row(row) + head * depth, depth);
    w.lse[r] = call.lse.Row(row)[head];
  }
}

// The whole gradient of one kv-head of one sequence: pages of keys ascending,
// and for each the query rows that see it ascending.
void AttendBackward(const AttentionGradient& call, const SequenceRows& s,
                    int kv_head, float* scratch) {
  const KvPages& cache = *call.cache;
  const int64_t depth = cache.head_dim;
  const GradientScratch w(scratch, s.row_count, call.group, depth);
  const int64_t tile_tokens = BackwardTileTokens(call.group);
  RowConstants(call, s, kv_head, w);
  std::memset(w.value_columns, 0, depth * kPageTokens * sizeof(float));
  for (int64_t page = 0; page < KvPages::PagesFor(s.row_count); ++page) {
    const int64_t begin = page * kPageTokens;
    const int64_t keys = std::min<int64_t>(kPageTokens, s.row_count - begin);
    const float* key_columns = KeyBlock(cache, s.pages[page], kv_head);
    Transpose(key_columns, depth, keys, kPageTokens, w.key_rows, depth);
    Transpose(ValueBlock(cache, s.pages[page], kv_head), keys, depth, depth,
              w.value_columns, kPageTokens);
    std::memset(w.dk, 0, keys * depth * sizeof(float));
    std::memset(w.dv, 0, keys * depth * sizeof(float));
    for (int64_t i = begin; i < s.row_count; i += tile_tokens) {
      const int64_t tokens = std::min(tile_tokens, s.row_count - i);
      AddTile(call, s, kv_head, {i, tokens * call.group, page, keys},
              key_columns, w);
    }
    StoreTile(w.dk, keys, depth, call.dk, s.row_begin + begin, kv_head * depth);
    StoreTile(w.dv, keys, depth, call.dv, s.row_begin + begin, kv_head * depth);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
namespace {

HWY_EXPORT(AttendBackward);

void CheckShapes(const AttentionGradient& call) {
  const KvPages& cache = *call.cache;
  R1_CHECK(cache.num_kv_heads > 0 && cache.head_dim > 0, "K and D are set");
  const int64_t width = int64_t{cache.num_kv_heads} * cache.head_dim;
  const int64_t rows = call.q.rows;
  R1_CHECK(call.q.cols % width == 0, "q is [T, H * D], H a multiple of K");
  for (const ConstMat& m : {call.out, call.dout, ConstMat(call.dq)}) {
    R1_CHECK(m.rows == rows && m.cols == call.q.cols,
             "out, dout and dq have the shape of q");
  }
  for (const Mat& m : {call.dk, call.dv}) {
    R1_CHECK(m.rows == rows && m.cols == width, "dk and dv are [T, K * D]");
  }
  R1_CHECK(
      call.lse.rows == rows && call.lse.cols * cache.head_dim == call.q.cols,
      "lse is [T, H]");
}

// Longest first, so that no thread starts a long sequence last.
std::vector<int64_t> LongestFirst(absl::Span<const SequenceRows> sequences) {
  std::vector<int64_t> order(sequences.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return sequences[a].row_count > sequences[b].row_count;
  });
  return order;
}

}  // namespace

void AttentionBackward(ThreadPool& pool, CpuScratch& scratch, ConstMat q,
                       ConstMat out, ConstMat lse, ConstMat dout,
                       absl::Span<const SequenceRows> sequences,
                       const KvPages& cache, float scale, Mat dq, Mat dk,
                       Mat dv) {
  const int heads = cache.num_kv_heads;
  AttentionGradient call = {q, out, lse, dout, &cache, scale, dq, dk, dv, 0};
  CheckShapes(call);
  CheckSequences(sequences, cache, q.rows);
  call.group = static_cast<int>(q.cols / cache.head_dim / heads);
  int64_t max_rows = 0;
  for (const SequenceRows& s : sequences) {
    R1_CHECK(s.first_position == 0, "the backward pass takes whole sequences");
    max_rows = std::max(max_rows, s.row_count);
  }
  const int64_t per_thread =
      GradientScratch(nullptr, max_rows, call.group, cache.head_dim).size;
  scratch.attention.Reserve(per_thread * pool.num_threads());
  const std::vector<int64_t> order = LongestFirst(sequences);
  pool.ParallelFor(int64_t{heads} * order.size(),
                   [&](int64_t task, int thread) {
                     HWY_DYNAMIC_DISPATCH(AttendBackward)
                     (call, sequences[order[task / heads]], task % heads,
                      scratch.attention.data() + thread * per_thread);
                   });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
