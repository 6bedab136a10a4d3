#include "kernels/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/arena.h"
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
      const Buffer buffer(CpuDevice(), count);
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
  EXPECT_EQ(FloatsOf(Buffer(CpuDevice())), nullptr);
  EXPECT_EQ(Buffer(CpuDevice()).count(), 0);
}

TEST(Buffer, MovesItsMemory) {
  Buffer a(CpuDevice(), 100);
  FloatsOf(a)[99] = 7;
  float* const data = FloatsOf(a);
  Buffer b = std::move(a);
  EXPECT_EQ(FloatsOf(b), data);
  EXPECT_EQ(FloatsOf(a), nullptr);
  Buffer c(CpuDevice(), 600000);
  c = std::move(b);
  EXPECT_EQ(FloatsOf(c), data);
  EXPECT_EQ(c.count(), 100);
  EXPECT_EQ(FloatsOf(c)[99], 7);
}

TEST(Buffer, ReserveGrowsButNeverShrinks) {
  Buffer buffer(CpuDevice(), 10);
  float* const data = FloatsOf(buffer);
  buffer.Reserve(5);
  EXPECT_EQ(FloatsOf(buffer), data);
  EXPECT_EQ(buffer.count(), 10);
  buffer.Reserve(1000000);
  EXPECT_EQ(buffer.count(), 1000000);
  FloatsOf(buffer)[999999] = 1;
}

TEST(BufferDeathTest, RefusesANegativeSize) {
  EXPECT_DEATH(Buffer(CpuDevice(), -1), "size >= 0");
}

TEST(Buffer, ReadsAndWritesTensorsOfTheHost) {
  Buffer buffer(CpuDevice());
  const Tensor all = buffer.Reserve(3, 4);
  CpuDevice()->Write({1, 2, 3, 4, 5}, 2, all);
  std::vector<float> got(12);
  CpuDevice()->Read(all, 0, absl::MakeSpan(got));
  EXPECT_EQ(got, (std::vector<float>{0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0}));
  std::vector<float> row(2);
  CpuDevice()->Read(all.Rows(1, 1), 1, absl::MakeSpan(row));
  EXPECT_EQ(row, (std::vector<float>{4, 5}));
}

TEST(BufferDeathTest, RefusesElementsThatATensorDoesNotHave) {
  Buffer buffer(CpuDevice());
  const Tensor all = buffer.Reserve(3, 4);
  EXPECT_DEATH(CpuDevice()->Write({1, 2}, 11, all), "elements of the tensor");
  EXPECT_DEATH(CpuDevice()->Write({1}, 0, all.Cols(0, 2)), "no gaps");
  EXPECT_DEATH(all.Rows(2, 2), "rows of the tensor");
  EXPECT_DEATH(buffer.Matrix(4, 4), "lies in the buffer");
}

TEST(Arena, TakesTensorsThatDoNotOverlap) {
  Arena arena(CpuDevice());
  for (int round = 0; round < 3; ++round) {
    std::vector<Mat> taken;
    for (int i = 0; i < 5; ++i) {
      taken.push_back(arena.Take(3 + i, 100 * i));
      std::fill_n(taken.back().data, taken.back().rows * taken.back().cols, i);
    }
    const Tensor half = arena.Take(3, 5, DType::kBF16);
    EXPECT_EQ(half.dtype, DType::kBF16);
    std::fill_n(static_cast<uint16_t*>(DeviceAccess::Pointer(half.at)), 15, 9);
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(taken[i].data) % 64, 0);
      EXPECT_EQ(std::count(taken[i].data,
                           taken[i].data + taken[i].rows * taken[i].cols, i),
                (3 + i) * 100 * i);
    }
    arena.Clear();
  }
}

TEST(Arena, AScopeGivesBackWhatWasTakenInIt) {
  Arena arena(CpuDevice());
  const Mat first = arena.Take(1, 10);
  const float* second;
  {
    const Arena::Scope scope(&arena);
    second = Mat(arena.Take(1, 10)).data;
  }
  EXPECT_EQ(Mat(arena.Take(1, 10)).data, second);
  EXPECT_NE(second, first.data);
}

// Work that comes again takes no memory, whatever order of sizes it has.
TEST(Arena, GrowsToTheMostThatIsTakenAtATime) {
  Arena arena(CpuDevice());
  const auto work = [&](int64_t rows) {
    arena.Clear();
    arena.Take(rows, 10);
    for (int i = 0; i < 3; ++i) {
      const Arena::Scope scope(&arena);
      arena.Take(rows, 1000 * (3 - i));
      arena.Take(rows, 64);
    }
  };
  for (int64_t rows : {100, 7, 200}) work(rows);
  arena.Clear();
  const int64_t live = Buffer::LiveBytes();
  EXPECT_LE(live, 4 * 200 * (10 + 3000 + 64) * 3 / 2);
  for (int64_t rows : {200, 1, 150}) {
    work(rows);
    EXPECT_EQ(Buffer::LiveBytes(), live);
  }
}

}  // namespace
}  // namespace r1
