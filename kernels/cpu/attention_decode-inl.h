// Attention of one token: few rows against many keys. The operations on each
// element are those of the general tile, in the same order and so with the
// same bits; only more keys are in flight at a time, the sums over the values
// stay in registers, and nothing is copied.
#if defined(R1_KERNELS_CPU_ATTENTION_DECODE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef R1_KERNELS_CPU_ATTENTION_DECODE_INL_H_
#undef R1_KERNELS_CPU_ATTENTION_DECODE_INL_H_
#else
#define R1_KERNELS_CPU_ATTENTION_DECODE_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/math.h"
#include "hwy/highway.h"
#include "kernels/cpu/attention_softmax-inl.h"
#include "kernels/cpu/attention_tasks.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The pages of one kv-head of one sequence.
struct HeadPages {
  const KvPages* cache;
  absl::Span<const int32_t> pages;
  int kv_head;

  const float* Keys(int64_t key) const {
    return KeyBlock(*cache, pages[key / kPageTokens], kv_head);
  }
  const float* Values(int64_t key) const {
    return ValueBlock(*cache, pages[key / kPageTokens], kv_head);
  }
};

// scores[r, j] = q[r] . k[j] for R rows of D = depth and the keys of P pages
// from key `begin` on.
template <int R, int P>
HWY_INLINE void DecodeScores(const float* q, int64_t depth,
                             const HeadPages& head, int64_t begin,
                             float* scores, int64_t stride) {
  const FloatTag d;
  constexpr int kLanes = hn::MaxLanes(FloatTag());
  constexpr int NV = P * kPageVectors;
  const float* keys[P];
  for (int i = 0; i < P; ++i) keys[i] = head.Keys(begin + i * kPageTokens);
  FloatVec acc[R][NV];
#pragma GCC unroll 16
  for (int i = 0; i < R * NV; ++i) acc[i / NV][i % NV] = hn::Zero(d);
  for (int64_t c = 0; c < depth; ++c) {
    FloatVec key[NV];
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) {
      key[v] = hn::LoadU(d, keys[v / kPageVectors] + c * kPageTokens +
                                v % kPageVectors * kLanes);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const auto x = hn::Set(d, q[r * depth + c]);
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) acc[r][v] = hn::MulAdd(x, key[v], acc[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R * NV; ++i) {
    hn::StoreU(acc[i / NV][i % NV], d,
               scores + i / NV * stride + begin + i % NV * kLanes);
  }
}

// out[r, c] = sum_j p[r, j] v[j, c] / sum of row r, for R rows and NV vectors
// of channels from channel `col` on.
template <int R, int NV>
HWY_INLINE void DecodeValues(const float* p, int64_t stride, int64_t keys,
                             const HeadPages& head, int64_t depth, int64_t col,
                             const RowState* state, float* out) {
  const FloatTag d;
  constexpr int kLanes = hn::MaxLanes(FloatTag());
  FloatVec acc[R][NV];
#pragma GCC unroll 16
  for (int i = 0; i < R * NV; ++i) acc[i / NV][i % NV] = hn::Zero(d);
  for (int64_t begin = 0; begin < keys; begin += kPageTokens) {
    const float* values = head.Values(begin) + col;
    const int64_t end = std::min(keys, begin + kPageTokens);
    for (int64_t j = begin; j < end; ++j, values += depth) {
      FloatVec value[NV];
#pragma GCC unroll 16
      for (int v = 0; v < NV; ++v) value[v] = hn::LoadU(d, values + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const auto x = hn::Set(d, p[r * stride + j]);
#pragma GCC unroll 16
        for (int v = 0; v < NV; ++v) {
          acc[r][v] = hn::MulAdd(x, value[v], acc[r][v]);
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const auto inverse = hn::Set(d, 1.0f / state[r].sum);
#pragma GCC unroll 16
    for (int v = 0; v < NV; ++v) {
      hn::StoreU(hn::Mul(acc[r][v], inverse), d,
                 out + r * depth + col + v * kLanes);
    }
  }
}

// The R query heads of one kv-head; D is a multiple of the vector.
template <int R>
HWY_INLINE void DecodeRows(const HeadPages& head, const float* q, int64_t keys,
                           float scale, float* scores, int64_t stride,
                           RowState* state, float* out) {
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  const int64_t depth = head.cache->head_dim;
  const int64_t padded = KvPages::PagesFor(keys) * kPageTokens;
  int64_t j = 0;
  if constexpr (R == 1) {
    for (; padded - j >= 4 * kPageTokens; j += 4 * kPageTokens) {
      DecodeScores<R, 4>(q, depth, head, j, scores, stride);
    }
  }
  for (; padded - j >= 2 * kPageTokens; j += 2 * kPageTokens) {
    DecodeScores<R, 2>(q, depth, head, j, scores, stride);
  }
  if (j < padded) DecodeScores<R, 1>(q, depth, head, j, scores, stride);
  for (int r = 0; r < R; ++r) {
    ExpScores(scores + r * stride, keys, scale, &state[r]);
  }
  int64_t col = 0;
  for (; depth - col >= 4 * kLanes; col += 4 * kLanes) {
    DecodeValues<R, 4>(scores, stride, keys, head, depth, col, state, out);
  }
  for (; depth - col >= 2 * kLanes; col += 2 * kLanes) {
    DecodeValues<R, 2>(scores, stride, keys, head, depth, col, state, out);
  }
  if (col < depth) {
    DecodeValues<R, 1>(scores, stride, keys, head, depth, col, state, out);
  }
}

// Takes the tile if it is one token with up to 4 query heads of whole vectors;
// returns whether it did. Fewer and shorter registers than those of AVX-512
// gain nothing from it.
HWY_INLINE bool DecodeTile(const AttentionCall& call, const AttentionTile& tile,
                           float* scratch) {
#if HWY_TARGET <= HWY_AVX3
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  const int64_t depth = call.cache->head_dim;
  if (tile.tokens != 1 || call.group > 4 || depth % kLanes != 0) return false;
  const int64_t keys = tile.keys();
  const TileScratch w(scratch, call.group, depth, keys);
  const HeadPages head = {call.cache, tile.sequence->pages, tile.kv_head};
  const int64_t row = tile.sequence->row_begin + tile.first;
  const int64_t col = int64_t{tile.kv_head} * call.group * depth;
  const float* q = call.q.Row(row) + col;
  float* out = call.out.Row(row) + col;
  const auto run = [&](auto rows) HWY_ATTR {
    DecodeRows<decltype(rows)::value>(head, q, keys, call.scale, w.scores,
                                      w.stride, w.state, out);
  };
  switch (call.group) {
    case 1:
      run(std::integral_constant<int, 1>());
      break;
    case 2:
      run(std::integral_constant<int, 2>());
      break;
    case 3:
      run(std::integral_constant<int, 3>());
      break;
    default:
      run(std::integral_constant<int, 4>());
  }
  if (call.lse.data != nullptr) {
    float* lse = call.lse.Row(row) + int64_t{tile.kv_head} * call.group;
    for (int g = 0; g < call.group; ++g) {
      lse[g] = w.state[g].max + Log(w.state[g].sum);
    }
  }
  return true;
#else
  (void)call, (void)tile, (void)scratch;
  return false;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#endif  // R1_KERNELS_CPU_ATTENTION_DECODE_INL_H_
