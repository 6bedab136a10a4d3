// The emulated device: its threads, warps and copies, against what CUDA says of
// them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "base/philox.h"
#include "kernels/cuda/compat.h"
#include "kernels/cuda/emu/grid.h"

namespace r1::cuda {
namespace {

using ::testing::HasSubstr;

absl::Status RunGrid(const emu::GridShape& shape,
                     absl::FunctionRef<void()> kernel) {
  return emu::GridRunner(2).Run(shape, kernel);
}

TEST(EmulatedGrid, EveryThreadRunsOnceAndKnowsItsPlace) {
  for (const uint64_t seed : {0, 1, 2}) {
    const Dim3 grid(3, 2, 2), block(5, 3, 2);
    std::vector<int> runs(grid.count() * block.count());
    ASSERT_TRUE(RunGrid({grid, block, 0, seed}, [&] {
                  const uint32_t b =
                      (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x +
                      blockIdx.x;
                  const uint32_t t =
                      (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x +
                      threadIdx.x;
                  ++runs[b * blockDim.count() + t];
                }).ok());
    EXPECT_EQ(runs, std::vector<int>(runs.size(), 1));
  }
}

// Reverses a block's elements by way of shared memory.
__global__ void Reverse(const int* x, int* y) {
  STATIC_SHARED(int, s, 64);
  DYNAMIC_SHARED(int, d);
  s[threadIdx.x] = x[blockIdx.x * 64 + threadIdx.x];
  __syncthreads();
  d[threadIdx.x] = s[63 - threadIdx.x];
  __syncthreads();
  y[blockIdx.x * 64 + threadIdx.x] = d[threadIdx.x];
}

TEST(EmulatedGrid, BarriersSeparateWritesFromReads) {
  std::vector<int> x(10 * 64), y(x.size());
  for (size_t i = 0; i < x.size(); ++i) x[i] = i;
  for (const uint64_t seed : {0, 1, 2, 3}) {
    ASSERT_TRUE(RunGrid({10, 64, 256, seed}, [&] {
                  Reverse(x.data(), y.data());
                }).ok());
    for (int i = 0; i < x.size(); ++i) {
      ASSERT_EQ(y[i], i / 64 * 64 + 63 - i % 64);
    }
  }
}

TEST(EmulatedWarp, LanesExchangeValues) {
  for (const uint64_t seed : {0, 1, 2, 3}) {
    ASSERT_TRUE(RunGrid({2, 96, 0, seed}, [&] {
                  const int lane = threadIdx.x % 32;
                  EXPECT_EQ(__shfl_sync(~0u, lane * 1.5, 7), 7 * 1.5);
                  EXPECT_EQ(__shfl_xor_sync(~0u, lane, 5), lane ^ 5);
                  EXPECT_EQ(__shfl_down_sync(~0u, lane, 3),
                            lane + 3 > 31 ? lane : lane + 3);
                  EXPECT_EQ(__shfl_up_sync(~0u, lane, 3),
                            lane < 3 ? lane : lane - 3);
                  EXPECT_EQ(__ballot_sync(~0u, lane % 3 == 0), 0x49249249u);
                  __syncwarp();
                  if (lane < 8) {
                    EXPECT_EQ(__ballot_sync(0xff, lane > 3), 0xf0u);
                  } else {
                    EXPECT_EQ(__shfl_sync(0xffffff00, lane, 9), 9);
                  }
                }).ok());
  }
}

// c [32, 16] = a [32, 16] b^T [16, 16] by one warp of 2 x 2 tiles. The elements
// are small integers, whose sums are exact.
TEST(EmulatedWarp, TilesMultiplyFromSharedMemory) {
  RandomSequence random(1, RandomStream::kData, 0, 0);
  std::vector<bf16> a(32 * 16), b(16 * 16);
  const auto fill = [&](std::vector<bf16>& v) {
    for (bf16& x : v) {
      x = __float2bfloat16(static_cast<float>(random.NextBits() % 17) - 8);
    }
  };
  fill(a);
  fill(b);
  for (const bool transpose : {false, true}) {
    std::vector<float> c(32 * 16, -1);
    const absl::Status status = RunGrid({1, 32, 2048, 3}, [&] {
      DYNAMIC_SHARED(bf16, s);  // a, then b as rows of n or of k
      const int lane = threadIdx.x;
      for (int i = lane; i < 64; i += 32) {
        cp_async16(s + i * 8, a.data() + i * 8, 16);
      }
      cp_async_commit();
      for (int i = lane; i < 256; i += 32) {
        const int n = i / 16, k = i % 16;
        s[512 + (transpose ? k * 16 + n : i)] = b[i];
      }
      cp_async_wait<0>();
      __syncthreads();
      uint32_t ra[2][4], rb[2][2];
      float sum[2][2][4] = {};
      for (int i = 0; i < 2; ++i) {
        ldmatrix_x4<false>(ra[i],
                           s + (i * 16 + lane % 16) * 16 + lane / 16 * 8);
      }
      const int row = lane % 8, half = lane / 8 % 2 * 8, tile = lane / 16 * 8;
      if (transpose) {
        ldmatrix_x4<true>(rb[0], s + 512 + (half + row) * 16 + tile);
      } else {
        ldmatrix_x4<false>(rb[0], s + 512 + (tile + row) * 16 + half);
      }
      mma_tiles(sum, ra, rb);
      for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) {
          for (int q = 0; q < 4; ++q) {
            c[(i * 16 + lane / 4 + q / 2 * 8) * 16 + j * 8 + lane % 4 * 2 +
              q % 2] = sum[i][j][q];
          }
        }
      }
    });
    ASSERT_TRUE(status.ok()) << status;
    for (int m = 0; m < 32; ++m) {
      for (int n = 0; n < 16; ++n) {
        float want = 0;
        for (int k = 0; k < 16; ++k) {
          want +=
              __bfloat162float(a[m * 16 + k]) * __bfloat162float(b[n * 16 + k]);
        }
        ASSERT_EQ(c[m * 16 + n], want) << m << ", " << n;
      }
    }
  }
}

}  // namespace
}  // namespace r1::cuda
