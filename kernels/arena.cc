#include "kernels/arena.h"

namespace r1 {
namespace {

constexpr int64_t kAlignment = 64;  // elements of four bytes

}  // namespace

Tensor Arena::Take(int64_t rows, int64_t cols, DType dtype) {
  const int64_t bytes = rows * cols * BytesOf(dtype);
  const int64_t count = (bytes / 4 + kAlignment) / kAlignment * kAlignment;
  while (next_.block < blocks_.size() &&
         next_.offset + count > blocks_[next_.block].count()) {
    next_ = {next_.block + 1, 0};
  }
  if (next_.block == blocks_.size()) blocks_.emplace_back(device_, count);
  const Buffer& block = blocks_[next_.block];
  const Tensor elements =
      block.Matrix(1, block.count()).Cols(next_.offset, count);
  next_.offset += count;
  return {elements.at, dtype, rows, cols, cols};
}

void Arena::Release(Place place) {
  next_ = place;
  if (place.block > 0 || place.offset > 0 || blocks_.size() < 2) return;
  // One block in their place, which nothing is too large for.
  int64_t count = 0;
  for (const Buffer& block : blocks_) count += block.count();
  blocks_.clear();
  blocks_.emplace_back(device_, count);
}

}  // namespace r1
