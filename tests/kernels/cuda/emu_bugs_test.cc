// Mistakes that kernels can make, each planted once: the emulated device must
// find them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "kernels/cuda/compat.h"
#include "kernels/cuda/emu/grid.h"

namespace r1::cuda {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kSeeds[] = {0, 1, 2, 3};

absl::Status RunKernel(const emu::GridShape& shape,
                       absl::FunctionRef<void()> kernel) {
  return emu::GridRunner(1).Run(shape, kernel);
}

void ExpectError(const emu::GridShape& shape, absl::FunctionRef<void()> kernel,
                 const testing::Matcher<const std::string&>& text) {
  for (const uint64_t seed : kSeeds) {
    emu::GridShape with_seed = shape;
    with_seed.seed = seed;
    const absl::Status status = RunKernel(with_seed, kernel);
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), text);
  }
}

// Each thread reads what its neighbour wrote.
void ReadNeighbour(bool with_barrier, const float* x, float* y) {
  STATIC_SHARED(float, s, 64);
  s[threadIdx.x] = x[threadIdx.x];
  if (with_barrier) __syncthreads();
  y[threadIdx.x] = s[(threadIdx.x + 1) % 64];
}

int WrongElements(bool with_barrier, uint64_t seed) {
  std::vector<float> x(64), y(64);
  for (int i = 0; i < 64; ++i) x[i] = i;
  EXPECT_TRUE(RunKernel({1, 64, 0, seed}, [&] {
                ReadNeighbour(with_barrier, x.data(), y.data());
              }).ok());
  int wrong = 0;
  for (int i = 0; i < 64; ++i) wrong += !(y[i] == (i + 1) % 64);
  return wrong;
}

TEST(PlantedBugDeathTest, AMissingBarrierGivesWrongElements) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const uint64_t seed : kSeeds) {
    EXPECT_EQ(WrongElements(true, seed), 0);
#if defined(__SANITIZE_THREAD__)
    EXPECT_DEATH(WrongElements(false, seed), "data race");
#else
    EXPECT_GT(WrongElements(false, seed), 0);
#endif
  }
}

// Warps put a number each where all read them, twice. Without a barrier before
// the second time one may be ahead of another's reading.
void AddNumbersTwice(bool with_barrier, int* y) {
  STATIC_SHARED(int, s, 8);
  int sum = 0;
  for (int round = 1; round <= 2; ++round) {
    int number = round;
    for (int i = 1; i < 32; i *= 2) number += __shfl_xor_sync(~0u, number, i);
    if (threadIdx.x % 32 == 0) s[threadIdx.x / 32] = number;
    __syncthreads();
    for (int w = 0; w < 8; ++w) sum += s[w];
    if (with_barrier) __syncthreads();
  }
  y[threadIdx.x] = sum;
}

int WrongSums(bool with_barrier, absl::Span<const uint64_t> seeds) {
  int wrong = 0;
  for (const uint64_t seed : seeds) {
    std::vector<int> y(256);
    EXPECT_TRUE(RunKernel({1, 256, 0, seed}, [&] {
                  AddNumbersTwice(with_barrier, y.data());
                }).ok());
    for (const int sum : y) wrong += sum != 8 * 32 * (1 + 2);
  }
  return wrong;
}

TEST(PlantedBugDeathTest, AMissingBarrierBeforeAnOverwriteGivesWrongSums) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EQ(WrongSums(true, kSeeds), 0);
#if defined(__SANITIZE_THREAD__)
  EXPECT_DEATH(WrongSums(false, {1}), "data race");
#else
  EXPECT_GT(WrongSums(false, kSeeds), 0);
#endif
}

// The second of two groups is still under way.
TEST(PlantedBug, AWaitForOneGroupTooFewReadsNaN) {
  alignas(16) float x[256];
  for (int i = 0; i < 256; ++i) x[i] = i;
  for (const uint64_t seed : kSeeds) {
    std::vector<float> y(256);
    ASSERT_TRUE(RunKernel({1, 32, 1024, seed}, [&] {
                  DYNAMIC_SHARED(float, s);
                  const int at = threadIdx.x * 4;
                  cp_async16(s + at, x + at, 16);
                  cp_async_commit();
                  cp_async16(s + 128 + at, x + 128 + at, 16);
                  cp_async_commit();
                  cp_async_wait<1>();
                  __syncthreads();
                  for (int i = threadIdx.x; i < 256; i += 32) {
                    y[i] = s[255 - i];
                  }
                }).ok());
    for (int i = 0; i < 256; ++i) {
      EXPECT_EQ(std::isnan(y[i]), i < 128);
      if (i >= 128) {
        EXPECT_EQ(y[i], 255 - i);
      }
    }
  }
}

TEST(PlantedBug, ACopyOverWhatIsStillReadGivesNaN) {
  alignas(16) float x[128] = {};
  std::vector<float> y(32);
  ASSERT_TRUE(RunKernel({1, 32, 512, 0}, [&] {
                DYNAMIC_SHARED(float, s);
                const int at = threadIdx.x * 4;
                cp_async16(s + at, x + at, 16);
                cp_async_commit();
                cp_async_wait<0>();
                cp_async16(s + at, x + at, 16);
                y[threadIdx.x] = s[at];
              }).ok());
  for (const float value : y) EXPECT_TRUE(std::isnan(value));
}

TEST(PlantedBug, SharedMemoryBeginsAsNaNOrNoise) {
  std::vector<float> y(64);
  for (const uint64_t seed : kSeeds) {
    ASSERT_TRUE(RunKernel({1, 32, 128, seed}, [&] {
                  DYNAMIC_SHARED(float, d);
                  STATIC_SHARED(float, s, 32);
                  y[threadIdx.x] = d[threadIdx.x];
                  y[32 + threadIdx.x] = s[threadIdx.x];
                  d[threadIdx.x] = s[threadIdx.x] = 0;
                }).ok());
    for (const float value : y) {
      if (seed == 0) {
        EXPECT_TRUE(std::isnan(value));
      }
      EXPECT_NE(value, 0);
    }
  }
}

TEST(PlantedBug, BarrierDivergenceIsAnError) {
  const auto text =
      AllOf(HasSubstr("barrier divergence"), HasSubstr(", 0, 0), thread ("),
            HasSubstr("emu_bugs_test.cc"));
  ExpectError(
      {2, 64},
      [] {
        if (threadIdx.x < 40) {
          __syncthreads();
        } else {
          __syncthreads();
        }
      },
      text);
  ExpectError(
      {1, 64},
      [] {
        if (threadIdx.x < 40) __syncthreads();
      },
      HasSubstr("barrier divergence"));
}

TEST(PlantedBug, LanesThatLeftOrAreNotInTheMaskAreErrors) {
  ExpectError(
      {1, 32},
      [] {
        if (threadIdx.x == 5) return;
        __shfl_xor_sync(~0u, 1, 1);
      },
      HasSubstr("lanes"));
  ExpectError(
      {1, 20}, [] { __syncwarp(); },
      HasSubstr("lanes that have left the kernel"));
  ExpectError(
      {1, 32}, [] { __syncwarp(0xffff); }, HasSubstr("lacks the calling lane"));
  ExpectError(
      {1, 32}, [] { __shfl_sync(0xffu << threadIdx.x / 8 * 8, 1, 0); },
      HasSubstr("is not in the mask"));
}

TEST(PlantedBug, LanesMustAgree) {
  ExpectError(
      {1, 32}, [] { __syncwarp(threadIdx.x < 31 ? ~0u : ~1u); },
      HasSubstr("the mask of a warp operation is"));
  ExpectError(
      {1, 32},
      [] {
        if (threadIdx.x % 2 == 0) {
          __ballot_sync(~0u, true);
        } else {
          __shfl_sync(~0u, 1, 0);
        }
      },
      HasSubstr("in another warp operation"));
}

TEST(PlantedBug, AWarpThatWaitsForEverIsADeadlock) {
  ExpectError(
      {1, 64},
      [] {
        if (threadIdx.x == 3) {
          __syncthreads();
        } else {
          __syncwarp();
          __syncthreads();
        }
      },
      AllOf(HasSubstr("deadlock"), HasSubstr("waits for the lanes"),
            HasSubstr("thread (3, 0, 0) waits at the barrier")));
}

TEST(PlantedBug, MisalignedCopiesAreErrors) {
  alignas(16) static float x[64];
  ExpectError(
      {1, 1, 256},
      [] {
        DYNAMIC_SHARED(float, s);
        cp_async16(s, x + 1, 16);
      },
      HasSubstr("source is not at a multiple of 16"));
  ExpectError(
      {1, 1, 256},
      [] {
        DYNAMIC_SHARED(float, s);
        cp_async16(s + 2, x, 16);
      },
      HasSubstr("target is not at a multiple of 16"));
  ExpectError(
      {1, 1, 256},
      [] {
        DYNAMIC_SHARED(float, s);
        cp_async16(s + 64, x, 16);
      },
      HasSubstr("target is not shared memory"));
  ExpectError(
      {1, 32, 1024},
      [] {
        DYNAMIC_SHARED(bf16, s);
        uint32_t r[4];
        ldmatrix_x4<false>(r, s + threadIdx.x * 8 + 1);
      },
      HasSubstr("ldmatrix"));
}

TEST(PlantedBug, TooMuchSharedMemoryIsAnError) {
  ExpectError(
      {1, 1, (227 << 10) + 1}, [] {},
      HasSubstr("232449 bytes of dynamic shared memory"));
  ExpectError(
      {1, 1, 200 << 10},
      [] {
        STATIC_SHARED(float, s, 8 << 10);
        s[0] = 1;
      },
      HasSubstr("no room for a static array"));
  ASSERT_TRUE(RunKernel({1, 1, 227 << 10}, [] {}).ok());
}

TEST(PlantedBug, AWriteBehindASharedArrayIsAnError) {
  ExpectError(
      {1, 1},
      [] {
        STATIC_SHARED(int, s, 30);
        s[30] = 1;
      },
      HasSubstr("shared memory was written outside"));
}

TEST(PlantedBug, GridsAndBlocksHaveLimits) {
  for (const Dim3& block :
       {Dim3(1025), Dim3(1, 1, 65), Dim3(64, 32), Dim3(0)}) {
    ExpectError(
        {1, block}, [] {}, HasSubstr("the block is"));
  }
  for (const Dim3& grid : {Dim3(1, 65536), Dim3(1, 1, 65536), Dim3(1, 0)}) {
    ExpectError(
        {grid, 1}, [] {}, HasSubstr("the grid is"));
  }
}

}  // namespace
}  // namespace r1::cuda
