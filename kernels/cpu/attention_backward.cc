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
#include "kernels/cpu/transpose-inl.h"

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

// Query rows that meet a page of keys at a time: fewer on the diagonal, where
// half of the scores are masked.
inline constexpr int64_t kTileRows = 32;
inline constexpr int64_t kDiagonalRows = 16;

// Working memory of one task, `size` floats from `data` (null: size only).
struct GradientScratch {
  GradientScratch(float* data, int64_t tokens, int64_t depth) {
    const int64_t padded = KvPages::PagesFor(tokens) * kPageTokens;
    const auto take = [&](int64_t count) {
      float* begin = data == nullptr ? nullptr : data + size;
      size += (count + 15) / 16 * 16;
      return begin;
    };
    q = take(tokens * depth);
    dout = take(tokens * depth);
    lse = take(tokens);
    delta = take(tokens);
    key_rows = take(padded * depth);
    value_columns = take(padded * depth);
    p = take(kTileRows * kPageTokens);
    ds = take(kTileRows * kPageTokens);
  }

  float *q, *dout;       // of one query head, [T, D]
  float *lse, *delta;    // of one query head, [T]; delta = dout . out
  float* key_rows;       // of the kv-head, [T, D]
  float* value_columns;  // pages of [D, kPageTokens]
  float *p, *ds;         // of one tile, [kTileRows, kPageTokens]
  int64_t size = 0;
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_ATTENTION_BACKWARD_CC_

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

// Query rows [first, first + rows) of a sequence against the keys
// [key, key + keys) of one page.
struct PageTile {
  int64_t first;
  int64_t rows;
  int64_t key;
  int64_t keys;
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
  return SumLanes(d, sum);
}

// From the dot products in p (q . k) and ds (dout . v) to the probabilities
// and the gradient of the dot products, both 0 where the row does not see.
HWY_INLINE void ScoreGradients(const PageTile& tile, float scale,
                               const GradientScratch& w) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  const auto factor = hn::Set(d, scale);
  for (int64_t r = 0; r < tile.rows; ++r) {
    const int64_t visible = tile.first + r - tile.key + 1;
    const auto lse = hn::Set(d, w.lse[tile.first + r]);
    const auto delta = hn::Set(d, w.delta[tile.first + r]);
    float* p = w.p + r * kPageTokens;
    float* ds = w.ds + r * kPageTokens;
    for (int64_t j = 0; j < tile.keys; j += kLanes) {
      const auto mask =
          hn::FirstN(d, std::clamp<int64_t>(visible - j, 0, kLanes));
      const auto score = hn::Mul(factor, hn::LoadU(d, p + j));
      const auto prob =
          hn::IfThenElseZero(mask, ExpBounded(d, hn::Sub(score, lse)));
      const auto slope = hn::Mul(factor, hn::Sub(hn::LoadU(d, ds + j), delta));
      hn::StoreU(prob, d, p + j);
      hn::StoreU(hn::IfThenElseZero(mask, hn::Mul(prob, slope)), d, ds + j);
    }
  }
}

// Where one query head of one sequence reads and writes.
struct HeadGradient {
  float scale;
  int64_t depth;
  Rows dq, dk, dv;  // from the first token
};

// Adds what one tile contributes to dq, dk and dv.
HWY_INLINE void AddTile(const HeadGradient& head, const PageTile& tile,
                        const float* key_columns, const GradientScratch& w) {
  const int64_t depth = head.depth;
  const float* q = w.q + tile.first * depth;
  const float* dout = w.dout + tile.first * depth;
  const Rows dq = {head.dq.data + tile.first * head.dq.stride, head.dq.stride};
  const Rows dk = {head.dk.data + tile.key * head.dk.stride, head.dk.stride};
  const Rows dv = {head.dv.data + tile.key * head.dv.stride, head.dv.stride};
  // Whole vectors: columns past the last key are masked or not used.
  const int64_t cols = tile.keys <= 16 ? 16 : kPageTokens;
  SmallGemm<Start::kZero>({q, depth, 1}, {key_columns, kPageTokens}, tile.rows,
                          cols, SameDepth{depth}, {w.p, kPageTokens});
  SmallGemm<Start::kZero>(
      {dout, depth, 1}, {w.value_columns + tile.key * depth, kPageTokens},
      tile.rows, cols, SameDepth{depth}, {w.ds, kPageTokens});
  ScoreGradients(tile, head.scale, w);
  SmallGemm<Start::kFromC>({w.p, 1, kPageTokens}, {dout, depth}, tile.keys,
                           depth, SameDepth{tile.rows}, dv);
  SmallGemm<Start::kFromC>({w.ds, 1, kPageTokens}, {q, depth}, tile.keys, depth,
                           SameDepth{tile.rows}, dk);
  const Strided ds = {w.ds, kPageTokens, 1};
  const ConstRows keys = {w.key_rows + tile.key * depth, depth};
  if (tile.key == 0) {
    SmallGemm<Start::kZero>(ds, keys, tile.rows, depth, SameDepth{tile.keys},
                            dq);
  } else {
    SmallGemm<Start::kFromC>(ds, keys, tile.rows, depth, SameDepth{tile.keys},
                             dq);
  }
}

// The part of one query head: pages of keys ascending, and for each the query
// rows that see it ascending.
HWY_INLINE void AddHead(const HeadGradient& head, const SequenceRows& s,
                        const KvPages& cache, int kv_head,
                        const GradientScratch& w) {
  for (int64_t key = 0; key < s.row_count; key += kPageTokens) {
    const float* key_columns =
        KeyBlock(cache, s.pages[key / kPageTokens], kv_head);
    int64_t rows = 0;
    for (int64_t first = key; first < s.row_count; first += rows) {
      rows = first < key + kPageTokens ? kDiagonalRows : kTileRows;
      rows = std::min(rows, s.row_count - first);
      const int64_t keys = std::min<int64_t>(kPageTokens, first + rows - key);
      AddTile(head, {first, rows, key, keys}, key_columns, w);
    }
  }
}

// Copies what the tiles of query head `head` read into contiguous memory.
HWY_INLINE void PackHead(const AttentionGradient& call, const SequenceRows& s,
                         int64_t head, const GradientScratch& w) {
  const int64_t depth = call.cache->head_dim;
  for (int64_t t = 0; t < s.row_count; ++t) {
    const int64_t row = s.row_begin + t;
    const float* dout = call.dout.Row(row) + head * depth;
    std::memcpy(w.q + t * depth, call.q.Row(row) + head * depth,
                depth * sizeof(float));
    std::memcpy(w.dout + t * depth, dout, depth * sizeof(float));
    w.lse[t] = call.lse.Row(row)[head];
    w.delta[t] = Dot(dout, call.out.Row(row) + head * depth, depth);
  }
}

// Lays the keys and values of one kv-head out the other way round.
HWY_INLINE void PackKeys(const KvPages& cache, const SequenceRows& s,
                         int kv_head, const GradientScratch& w) {
  const int64_t depth = cache.head_dim;
  for (int64_t key = 0; key < s.row_count; key += kPageTokens) {
    const int32_t page = s.pages[key / kPageTokens];
    const int64_t keys = std::min<int64_t>(kPageTokens, s.row_count - key);
    Transpose(KeyBlock(cache, page, kv_head), depth, keys, kPageTokens,
              w.key_rows + key * depth, depth);
    Transpose(ValueBlock(cache, page, kv_head), keys, depth, depth,
              w.value_columns + key * depth, kPageTokens);
  }
}

// The whole gradient of one kv-head of one sequence.
void AttendBackward(const AttentionGradient& call, const SequenceRows& s,
                    int kv_head, float* scratch) {
  const KvPages& cache = *call.cache;
  const int64_t depth = cache.head_dim;
  const GradientScratch w(scratch, s.row_count, depth);
  PackKeys(cache, s, kv_head, w);
  const auto rows = [&](Mat m, int64_t head) {
    return Rows{m.Row(s.row_begin) + head * depth, m.stride};
  };
  const Rows dk = rows(call.dk, kv_head);
  const Rows dv = rows(call.dv, kv_head);
  for (int64_t t = 0; t < s.row_count; ++t) {
    std::memset(dk.data + t * dk.stride, 0, depth * sizeof(float));
    std::memset(dv.data + t * dv.stride, 0, depth * sizeof(float));
  }
  for (int64_t g = 0; g < call.group; ++g) {
    const int64_t head = int64_t{kv_head} * call.group + g;
    PackHead(call, s, head, w);
    AddHead({call.scale, depth, rows(call.dq, head), dk, dv}, s, cache, kv_head,
            w);
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
      GradientScratch(nullptr, max_rows, cache.head_dim).size;
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
