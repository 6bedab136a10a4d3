#include "kernels/cuda/emu/grid.h"

#include <atomic>
#include <cstdint>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace r1::cuda::emu {
namespace {

// CUDA C++ Programming Guide, table "Technical specifications per compute
// capability": the same for 8.0 to 10.0.
constexpr Dim3 kMaxGrid = {2147483647, 65535, 65535};
constexpr Dim3 kMaxBlock = {1024, 1024, 64};
constexpr uint64_t kMaxThreads = 1024;

bool Within(const Dim3& x, const Dim3& limit) {
  const auto within = [](uint32_t n, uint32_t most) {
    return n >= 1 && n <= most;
  };
  return within(x.x, limit.x) && within(x.y, limit.y) && within(x.z, limit.z);
}

std::string Text(const Dim3& x) {
  return absl::StrFormat("(%u, %u, %u)", x.x, x.y, x.z);
}

absl::Status Check(const GridShape& shape) {
  if (!Within(shape.grid, kMaxGrid)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the grid is ", Text(shape.grid),
                     ", expected at least 1 and at most ", Text(kMaxGrid)));
  }
  if (!Within(shape.block, kMaxBlock) || shape.block.count() > kMaxThreads) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the block is ", Text(shape.block), ", expected at least 1, at most ",
        Text(kMaxBlock), " and ", kMaxThreads, " threads"));
  }
  if (shape.dynamic_shared_bytes > kMaxSharedBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the block has ", shape.dynamic_shared_bytes,
        " bytes of dynamic shared memory, expected at most ", kMaxSharedBytes));
  }
  return absl::OkStatus();
}

// A seed's order of the blocks: i -> begin + i * step, modulo the count.
struct BlockOrder {
  uint64_t count, begin = 0, step = 1;

  BlockOrder(uint64_t count, uint64_t seed) : count(count) {
    if (seed == 0) return;
    begin = seed * 7919 % count;
    step = seed * 104729 % count;
    while (std::gcd(step, count) != 1) ++step;
  }
  uint64_t operator[](uint64_t i) const { return (begin + i * step) % count; }
};

}  // namespace

GridRunner::GridRunner(int host_threads) : pool_(host_threads) {
  for (int i = 0; i < host_threads; ++i) {
    blocks_.push_back(std::make_unique<Block>());
  }
}

absl::Status GridRunner::Run(const GridShape& shape,
                             absl::FunctionRef<void()> kernel) {
  if (absl::Status s = Check(shape); !s.ok()) return s;
  std::vector<std::string> errors(blocks_.size());
  std::atomic<bool> failed{false};
  const BlockOrder order(shape.grid.count(), shape.seed);
  pool_.ParallelFor(order.count, [&](int64_t task, int thread) {
    if (failed) return;
    const uint64_t block = order[task];
    const uint64_t row = block / shape.grid.x;
    const uint3 index = {static_cast<uint32_t>(block % shape.grid.x),
                         static_cast<uint32_t>(row % shape.grid.y),
                         static_cast<uint32_t>(row / shape.grid.y)};
    errors[thread] = blocks_[thread]->Run(shape, index, kernel);
    if (!errors[thread].empty()) failed = true;
  });
  for (const std::string& error : errors) {
    if (!error.empty()) return absl::InternalError(error);
  }
  return absl::OkStatus();
}

}  // namespace r1::cuda::emu
