// Rows of keys and values into the pages of the cache: one thread for four
// columns of a head.
#include "kernels/cuda/compat.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// Of a table: `row` of k and v goes to `slot`.
struct RowToSlot {
  int32_t row, slot;
};

__global__ void __launch_bounds__(kThreads)
    KvWriteKernel(View<bf16> k, View<bf16> v, const RowToSlot* writes,
                  int64_t count, int heads, View<bf16> pages) {
  const int64_t depth = k.cols / heads, fours = (depth + 3) / 4;
  const int64_t i = ThreadOfGrid();
  const int64_t write = i / (heads * fours), head = i / fours % heads;
  const int64_t col = i % fours * 4;
  if (write >= count) return;
  const RowToSlot to = writes[write];
  if (to.slot < 0) return;
  const auto head_of = [&](View<bf16> x) {
    x.data = x.data + head * depth;
    x.cols = depth;
    x.in_fours = x.in_fours && depth % 4 == 0;
    return x;
  };
  // The head's keys of the page as a matrix of its tokens; values follow.
  View<bf16> page = pages;
  page.data = pages.Row(to.slot / kPageTokens) + head * 2 * kPageTokens * depth;
  page.rows = 2 * kPageTokens;
  page.cols = page.stride = depth;
  page.in_fours = pages.in_fours && depth % 4 == 0;
  const int64_t place = to.slot % kPageTokens;
  Store4(Load4(head_of(k), to.row, col), page, place, col);
  Store4(Load4(head_of(v), to.row, col), page, kPageTokens + place, col);
}

}  // namespace

void KvWrite(Tensor k, Tensor v, Tensor writes, int num_kv_heads, Tensor pages,
             Stream& stream) {
  R1_CHECK(k.rows == v.rows && k.cols == v.cols && k.cols % num_kv_heads == 0 &&
               pages.cols == 2 * kPageTokens * k.cols,
           "KvWrite: k, v [T, K * D], pages [P, K * 2 * kPageTokens * D]");
  R1_CHECK(writes.empty() || (writes.cols == 2 && writes.is_dense() &&
                              writes.dtype == DType::kI32),
           "KvWrite: writes [W, 2]");
  if (writes.empty() || k.empty()) return;
  const int64_t fours = (k.cols / num_kv_heads + 3) / 4;
  Launch(KvWriteKernel, BlocksFor(writes.rows * num_kv_heads * fours), kThreads,
         0, stream, ViewOf<bf16>(k), ViewOf<bf16>(v),
         static_cast<const RowToSlot*>(DeviceAccess::Pointer(writes.at)),
         writes.rows, num_kv_heads, ViewOf<bf16>(pages));
}

}  // namespace r1::cuda
