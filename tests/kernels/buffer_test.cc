#include "kernels/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace r1 {
namespace {

// Small buffers come from malloc, large ones from huge pages; the boundary is
// 2 MiB = 524288 floats.
const int64_t kCounts[] = {1, 15, 17, 524287, 524288, 524289, 3000001};

TEST(Buffer, IsAlignedAndZero) {
  for (const int64_t count : kCounts) {
    // Twice: memory that comes back from the allocator must be cleared.
    for (int round = 0; round < 2; ++round) {
      const Buffer buffer(count);
      ASSERT_EQ(buffer.count(), count);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0) << count;
      EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + count,
                              [](float x) { return x == 0; }))
          << count;
      std::fill_n(buffer.data(), count, 1.0f);
    }
  }
}

TEST(Buffer, EmptyBufferHasNoData) {
  EXPECT_EQ(Buffer().data(), nullptr);
  EXPECT_EQ(Buffer(0).data(), nullptr);
  EXPECT_EQ(Buffer(0).count(), 0);
}

TEST(Buffer, MovesItsMemory) {
  Buffer a(100);
  a.data()[99] = 7;
  float* const data = a.data();
  Buffer b = std::move(a);
  EXPECT_EQ(b.data(), data);
  EXPECT_EQ(a.data(), nullptr);
  Buffer c(600000);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(c.count(), 100);
  EXPECT_EQ(c.data()[99], 7);
}

TEST(Buffer, ReserveGrowsButNeverShrinks) {
  Buffer buffer(10);
  float* const data = buffer.data();
  buffer.Reserve(5);
  EXPECT_EQ(buffer.data(), data);
  EXPECT_EQ(buffer.count(), 10);
  buffer.Reserve(1000000);
  EXPECT_EQ(buffer.count(), 1000000);
  buffer.data()[999999] = 1;
}

TEST(BufferDeathTest, RefusesANegativeSize) {
  EXPECT_DEATH(Buffer(-1), "size >= 0");
}

}  // namespace
}  // namespace r1
