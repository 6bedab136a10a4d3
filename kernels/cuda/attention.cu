#include "base/check.h"
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_backward.cuh"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// Columns of a tile in shared memory.
int TileDepth(const KvPages& cache) { return cache.head_dim <= 64 ? 64 : 128; }

// Calls f with that number as a constant.
template <class F>
void WithTileDepth(const KvPages& cache, F f) {
  TileDepth(cache) == 64 ? f(std::integral_constant<int, 64>())
                         : f(std::integral_constant<int, 128>());
}

template <class Entry>
const Entry* EntriesOf(const Tensor& table) {
  static_assert(sizeof(Entry) % sizeof(int32_t) == 0);
  R1_CHECK(table.empty() || (table.is_dense() && table.dtype == DType::kI32 &&
                             table.cols * sizeof(int32_t) == sizeof(Entry)),
           "a table of a batch has its entries as rows");
  return static_cast<const Entry*>(DeviceAccess::Pointer(table.at));
}

View<bf16> AlignedRows(const Tensor& x) {
  const View<bf16> view = ViewOf<bf16>(x);
  R1_CHECK(reinterpret_cast<uintptr_t>(view.data) % 16 == 0 &&
               (x.rows <= 1 || x.stride % 8 == 0),
           "rows of q, dout and the cache begin at multiples of 16 bytes");
  return view;
}

AttentionArgs ArgsOf(const Tensor& q, const DeviceAttentionTables& tables,
                     const KvPages& cache, float scale, const Tensor& out,
                     const Tensor& lse) {
  const int depth = cache.head_dim, kv_heads = cache.num_kv_heads;
  R1_CHECK(depth % 16 == 0 && depth > 0 && depth <= 128,
           "a head's size is a multiple of 16 up to 128");
  R1_CHECK(kv_heads > 0 && q.cols % (int64_t{kv_heads} * depth) == 0,
           "q is [T, H * D], H a multiple of K");
  R1_CHECK(out.rows == q.rows && out.cols == q.cols, "out is [T, H * D]");
  R1_CHECK(lse.empty() || (lse.rows == q.rows && lse.cols * depth == q.cols),
           "lse is [T, H] or empty");
  R1_CHECK(cache.data.is_dense() &&
               cache.data.cols == KvPages::PageElements(kv_heads, depth),
           "pages are [P, K * 2 * D * kPageTokens]");
  AttentionArgs p = {};
  p.sequences = EntriesOf<AttentionSequence>(tables.sequences);
  p.pages = ViewOf<int32_t>(tables.pages).data;
  p.splits = tables.splits;
  p.cache = AlignedRows(cache.data).data;
  p.heads = static_cast<int>(q.cols / depth);
  p.kv_heads = kv_heads;
  p.depth = depth;
  p.scale = scale;
  p.q = AlignedRows(q).data;
  p.q_stride = q.stride;
  p.out = ViewOf<bf16>(out).data;
  p.out_stride = out.stride;
  p.lse = lse.empty() ? nullptr : ViewOf<float>(lse).data;
  p.lse_stride = lse.stride;
  return p;
}

}  // namespace

int64_t AttentionScratch(const DeviceAttentionTables& tables,
                         const KvPages& cache) {
  return tables.split_tiles.rows * cache.num_kv_heads * tables.splits *
         kSplitRows * (TileDepth(cache) + 2);
}

void AttentionForward(Tensor q, const DeviceAttentionTables& tables,
                      const KvPages& cache, float scale, Tensor out, Tensor lse,
                      Tensor scratch, Stream& stream) {
  AttentionArgs p = ArgsOf(q, tables, cache, scale, out, lse);
  R1_CHECK(scratch.count() >= AttentionScratch(tables, cache),
           "AttentionForward: scratch");
  p.partials = ViewOf<float>(scratch).data;
  WithTileDepth(cache, [&](auto depth) {
    constexpr int D = decltype(depth)::value;
    if (const int64_t tiles = tables.split_tiles.rows; tiles > 0) {
      p.tiles = EntriesOf<AttentionTile>(tables.split_tiles);
      Launch(AttentionKernel<D, 1, true>,
             GridSize(tiles, p.kv_heads, tables.splits), 32,
             AttentionSharedBytes<D, 1>(), stream, p);
      Launch(FoldSplitsKernel<D>, GridSize(tiles, p.kv_heads, kSplitRows / 4),
             128, 0, stream, p);
    }
    if (const int64_t tiles = tables.fold_tiles.rows; tiles > 0) {
      p.tiles = EntriesOf<AttentionTile>(tables.fold_tiles);
      Launch(AttentionKernel<D, 4, false>, GridSize(tiles, p.kv_heads), 128,
             AttentionSharedBytes<D, 4>(), stream, p);
    }
  });
}

void AttentionBackward(Tensor q, Tensor out, Tensor lse, Tensor dout,
                       const DeviceAttentionTables& tables,
                       const KvPages& cache, float scale, Tensor dq, Tensor dk,
                       Tensor dv, Tensor scratch, Stream& stream) {
  R1_CHECK(q.empty() || !lse.empty(), "AttentionBackward: lse [T, H]");
  if (q.empty()) return;
  const int64_t width = int64_t{cache.num_kv_heads} * cache.head_dim;
  R1_CHECK(dout.rows == q.rows && dout.cols == q.cols && dq.rows == q.rows &&
               dq.cols == q.cols,
           "dout and dq have the shape of q");
  R1_CHECK(dk.rows >= q.rows && dk.cols == width && dv.rows >= q.rows &&
               dv.cols == width,
           "dk and dv are [T or more, K * D]");
  R1_CHECK(scratch.count() >= lse.count(), "AttentionBackward: scratch");
  AttentionGradientArgs p = {};
  p.forward = ArgsOf(q, tables, cache, scale, out, lse);
  p.forward.tiles = EntriesOf<AttentionTile>(tables.row_tiles);
  p.key_tiles = EntriesOf<KeyTile>(tables.key_tiles);
  p.rows = static_cast<int>(q.rows);
  p.dout = AlignedRows(dout).data;
  p.dout_stride = dout.stride;
  p.delta = ViewOf<float>(scratch).data;
  p.dq = ViewOf<float>(dq).data;
  p.dq_stride = dq.stride;
  p.dk = ViewOf<float>(dk).data;
  p.dk_stride = dk.stride;
  p.dv = ViewOf<float>(dv).data;
  p.dv_stride = dv.stride;
  Launch(DeltaKernel, GridSize((lse.count() + 3) / 4), 128, 0, stream, p);
  WithTileDepth(cache, [&](auto depth) {
    constexpr int D = decltype(depth)::value;
    if (const int64_t tiles = tables.row_tiles.rows; tiles > 0) {
      Launch(RowGradientKernel<D>, GridSize(tiles, p.forward.kv_heads), 128,
             RowGradientSharedBytes<D>(), stream, p);
    }
    if (const int64_t tiles = tables.key_tiles.rows; tiles > 0) {
      Launch(KeyGradientKernel<D>, GridSize(tiles, p.forward.kv_heads), 128,
             KeyGradientSharedBytes<D>(), stream, p);
    }
  });
}

}  // namespace r1::cuda
