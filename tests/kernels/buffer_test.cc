#include "kernels/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/matrix.h"

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
      EXPECT_EQ(reinterpret_cast<uintptr_t>(FloatsOf(buffer)) % 64, 0) << count;
      EXPECT_TRUE(std::all_of(FloatsOf(buffer), FloatsOf(buffer) + count,
                              [](float x) { return x == 0; }))
          << count;
      std::fill_n(FloatsOf(buffer), count, 1.0f);
    }
  }
}

TEST(Buffer, EmptyBufferHasNoData) {
  EXPECT_EQ(FloatsOf(Buffer()), nullptr);
  EXPECT_EQ(FloatsOf(Buffer(0)), nullptr);
  EXPECT_EQ(Buffer(0).count(), 0);
}

TEST(Buffer, MovesItsMemory) {
  Buffer a(100);
  FloatsOf(a)[99] = 7;
  float* const data = FloatsOf(a);
  Buffer b = std::move(a);
  EXPECT_EQ(FloatsOf(b), data);
  EXPECT_EQ(FloatsOf(a), nullptr);
  Buffer c(600000);
  c = std::move(b);
  EXPECT_EQ(FloatsOf(c), data);
  EXPECT_EQ(c.count(), 100);
  EXPECT_EQ(FloatsOf(c)[99], 7);
}

TEST(Buffer, ReserveGrowsButNeverShrinks) {
  Buffer buffer(10);
  float* const data = FloatsOf(buffer);
  buffer.Reserve(5);
  EXPECT_EQ(FloatsOf(buffer), data);
  EXPECT_EQ(buffer.count(), 10);
  buffer.Reserve(1000000);
  EXPECT_EQ(buffer.count(), 1000000);
  FloatsOf(buffer)[999999] = 1;
}

TEST(BufferDeathTest, RefusesANegativeSize) {
  EXPECT_DEATH(Buffer(-1), "size >= 0");
}

TEST(Buffer, ReadsAndWritesTensorsOfTheHost) {
  Buffer buffer;
  const Tensor all = buffer.Reserve(3, 4);
  WriteTensor({1, 2, 3, 4, 5}, 2, all);
  std::vector<float> got(12);
  ReadTensor(all, 0, absl::MakeSpan(got));
  EXPECT_EQ(got, (std::vector<float>{0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0}));
  std::vector<float> row(2);
  ReadTensor(all.Rows(1, 1), 1, absl::MakeSpan(row));
  EXPECT_EQ(row, (std::vector<float>{4, 5}));
}

TEST(BufferDeathTest, RefusesElementsThatATensorDoesNotHave) {
  Buffer buffer;
  const Tensor all = buffer.Reserve(3, 4);
  EXPECT_DEATH(WriteTensor({1, 2}, 11, all), "elements of the tensor");
  EXPECT_DEATH(WriteTensor({1}, 0, all.Cols(0, 2)), "no gaps");
  EXPECT_DEATH(all.Rows(2, 2), "rows of the tensor");
  EXPECT_DEATH(buffer.Matrix(4, 4), "lies in the buffer");
}

}  // namespace
}  // namespace r1
