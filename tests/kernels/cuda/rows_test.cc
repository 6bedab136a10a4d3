// Rows, sums over rows, and the cache of keys and values.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/order.h"
#include "kernels/cuda/row_tables.h"
#include "tests/kernels/cuda/device_test_util.h"

namespace r1::cuda {
namespace {

struct RowShape {
  int64_t rows, cols, gap;
};
// Rows at multiples of four elements and not; whole and partial blocks.
constexpr RowShape kRowShapes[] = {{0, 5, 0},   {1, 1, 0},    {1, 31, 3},
                                   {3, 33, 0},  {31, 64, 0},  {65, 128, 4},
                                   {33, 40, 3}, {2, 1000, 0}, {9, 1000, 8}};

std::string RowName(const RowShape& s) {
  return absl::StrCat(s.rows, " x ", s.cols, " + ", s.gap);
}

// An operation of two formats: y from x and the y before.
struct RowCase {
  const char* name;
  void (*work)(Tensor x, Tensor y, Stream& stream);
  float (*oracle)(float x, float y);
};
const RowCase kCases[] = {
    {"Copy", Copy, [](float x, float) { return x; }},
    {"Add", Add, [](float x, float y) { return y + x; }},
    {"Fill", [](Tensor, Tensor y, Stream& s) { Fill(2.5f, y, s); },
     [](float, float) { return 2.5f; }},
    {"Scale", [](Tensor, Tensor y, Stream& s) { Scale(0.7f, y, s); },
     [](float, float y) { return 0.7f * y; }}};

// One operation and one rounding have known bits.
TEST(CudaRows, CopyAddFillAndScaleRoundOnce) {
  for (const RowCase& c : kCases) {
    for (const RowShape& s : kRowShapes) {
      for (const DType from : kFormats) {
        for (const DType to : kFormats) {
          const auto x = Rounded(RandomVector(s.rows * s.cols, 1), from);
          const auto y = Rounded(RandomVector(s.rows * s.cols, 2), to);
          std::vector<float> want;
          for (int64_t i = 0; i < x.size(); ++i) {
            want.push_back(c.oracle(x[i], y[i]));
          }
          const auto got = InEveryOrder([&](TestDevice& device) {
            const DeviceMatrix in(device, s.rows, s.cols, from, x, s.gap);
            const DeviceMatrix out(device, s.rows, s.cols, to, y, s.gap);
            c.work(in.view(), out.view(), *device.stream);
            return out.Read();
          });
          ExpectSameBits(got, Rounded(want, to),
                         absl::StrCat(c.name, " ", RowName(s)));
        }
      }
    }
  }
}

TEST(CudaRows, GatherRowsCopiesRows) {
  for (const RowShape& s : kRowShapes) {
    for (const DType from : kFormats) {
      const auto table = Rounded(RandomVector(17 * s.cols, 3), from);
      std::vector<int32_t> ids(s.rows);
      for (int64_t t = 0; t < s.rows; ++t) ids[t] = (t * 5) % 17;
      std::vector<float> want;
      for (const int32_t id : ids) {
        want = want + RowsOf(table, s.cols, id, 1);
      }
      const auto got = InEveryOrder([&](TestDevice& device) {
        const DeviceMatrix x(device, 17, s.cols, from, table, s.gap);
        const DeviceMatrix rows(device, 1, s.rows, ids);
        const DeviceMatrix y(device, s.rows, s.cols, DType::kF32, s.gap);
        GatherRows(x.view(), rows.view(), y.view(), *device.stream);
        return y.Read();
      });
      ExpectSameBits(got, want, RowName(s));
    }
  }
}

TEST(CudaRows, AnIdThatIsNoRowGivesNaN) {
  TestDevice& device = SharedDevice();
  const DeviceMatrix x(device, 2, 3, DType::kF32, {1, 2, 3, 4, 5, 6});
  const DeviceMatrix ids(device, 1, 3, {-1, 1, 2});
  const DeviceMatrix y(device, 3, 3);
  GatherRows(x.view(), ids.view(), y.view(), *device.stream);
  const auto got = y.Read();
  for (const int i : {0, 1, 2, 6, 7, 8}) EXPECT_TRUE(std::isnan(got[i]));
  EXPECT_EQ(RowsOf(got, 3, 1, 1), (std::vector<float>{4, 5, 6}));
}

// Additions in packed order have known bits.
TEST(CudaRows, ScatterAddRowsAddsInPackedOrder) {
  for (const RowShape& s : kRowShapes) {
    for (const DType from : kFormats) {
      const auto dy = Rounded(RandomVector(s.rows * s.cols, 4), from);
      const auto start = RandomVector(6 * s.cols, 5);
      std::vector<int32_t> ids(s.rows);
      for (int64_t t = 0; t < s.rows; ++t) ids[t] = (t * t) % 5;  // 5: never
      auto want = start;
      for (int64_t t = 0; t < s.rows; ++t) {
        for (int64_t c = 0; c < s.cols; ++c) {
          want[ids[t] * s.cols + c] += dy[t * s.cols + c];
        }
      }
      const RowsById groups = GroupRowsById(ids);
      const int64_t count = groups.ids.size();
      const auto got = InEveryOrder([&](TestDevice& device) {
        const DeviceMatrix in(device, s.rows, s.cols, from, dy, s.gap);
        const DeviceMatrix out(device, 6, s.cols, DType::kF32, start, s.gap);
        const DeviceMatrix of_group(device, 1, count, groups.ids);
        const DeviceMatrix begins(device, 1, count + 1, groups.begins);
        const DeviceMatrix rows(device, 1, s.rows, groups.rows);
        ScatterAddRows(in.view(), {of_group.view(), begins.view(), rows.view()},
                       out.view(), *device.stream);
        return out.Read();
      });
      ExpectSameBits(got, want, RowName(s));
    }
  }
}

// The order of order.h, and near the sum in double: n additions err by n rounds
// of the sum of magnitudes.
TEST(CudaRows, ColumnSumAddsPartialSumsInOrder) {
  for (const RowShape& s : kRowShapes) {
    for (const DType from : kFormats) {
      const auto dy = Rounded(RandomVector(s.rows * s.cols, 6), from);
      const auto start = RandomVector(s.cols, 7);
      auto want = start;
      std::vector<double> exact(start.begin(), start.end()), bound(s.cols);
      for (int64_t c = 0; c < s.cols; ++c) {
        double magnitude = std::abs(start[c]);
        for (int64_t begin = 0; begin < s.rows; begin += kRowsPerPartial) {
          float partial = 0;
          for (int64_t t = begin; t < std::min(s.rows, begin + kRowsPerPartial);
               ++t) {
            partial += dy[t * s.cols + c];
            exact[c] += dy[t * s.cols + c];
            magnitude += std::abs(dy[t * s.cols + c]);
          }
          want[c] += partial;
        }
        bound[c] = (s.rows + 1) * kRound * magnitude;
      }
      const auto got = InEveryOrder([&](TestDevice& device) {
        const DeviceMatrix in(device, s.rows, s.cols, from, dy, s.gap);
        const DeviceMatrix out(device, 1, s.cols, DType::kF32, start);
        const DeviceMatrix scratch(device, Partials(s.rows), s.cols);
        ColumnSum(in.view(), out.view(), scratch.view(), *device.stream);
        return out.Read();
      });
      ExpectSameBits(got, want, RowName(s));
      ExpectNear(ToDouble(got), exact, bound, RowName(s));
    }
  }
}

TEST(RowTables, RowsAreGroupedByAscendingId) {
  const RowsById groups = GroupRowsById({7, 2, 7, 0, 2, 7});
  EXPECT_EQ(groups.ids, (std::vector<int32_t>{0, 2, 7}));
  EXPECT_EQ(groups.begins, (std::vector<int32_t>{0, 1, 3, 6}));
  EXPECT_EQ(groups.rows, (std::vector<int32_t>{3, 1, 4, 0, 2, 5}));
  EXPECT_EQ(GroupRowsById({}).begins, (std::vector<int32_t>{0}));
}

std::vector<int32_t> WritesOf(absl::Span<const SequenceRows> sequences,
                              absl::Span<const SequenceRows> copies) {
  HostBatch batch;
  batch.sequences = sequences;
  batch.copies = copies;
  return KvWritesOf(batch);
}

TEST(RowTables, WritesFollowPositionsAndCopies) {
  const std::vector<int32_t> first = {4, 2}, second = {9};
  const SequenceRows sequences[] = {
      {.row_begin = 0, .row_count = 3, .first_position = 31, .pages = first}};
  const SequenceRows copies[] = {
      {.row_begin = 1, .row_count = 1, .first_position = 5, .pages = second}};
  EXPECT_EQ(WritesOf(sequences, copies),
            (std::vector<int32_t>{0, 4 * 32 + 31, 1, 2 * 32, 2, 2 * 32 + 1,  //
                                  1, 9 * 32 + 5}));
}

// Every row at its place, for each head; nothing else is written.
TEST(CudaKvWrite, RowsGoToTheirPages) {
  struct {
    int heads;
    int64_t depth, gap;
  } const kHeads[] = {{1, 64, 0}, {2, 128, 8}, {3, 6, 1}};
  for (const auto& h : kHeads) {
    const int64_t width = h.heads * h.depth, tokens = 70, num_pages = 5;
    const auto k = Rounded(RandomVector(tokens * width, 8), DType::kBF16);
    const auto v = Rounded(RandomVector(tokens * width, 9), DType::kBF16);
    const std::vector<int32_t> pages_a = {3, 0}, pages_b = {4, 1};
    const SequenceRows sequences[] = {
        {.row_begin = 0, .row_count = 40, .pages = pages_a},
        {.row_begin = 40,
         .row_count = 29,
         .first_position = 17,
         .pages = pages_b}};
    std::vector<int32_t> writes = WritesOf(sequences, {});
    writes.push_back(69);
    writes.push_back(-1);  // padding
    const auto got = InEveryOrder([&](TestDevice& device) {
      const DeviceMatrix keys(device, tokens, width, DType::kBF16, k, h.gap);
      const DeviceMatrix values(device, tokens, width, DType::kBF16, v, h.gap);
      const DeviceMatrix table(device, writes.size() / 2, 2, writes);
      const DeviceMatrix cache(
          device, num_pages, 2 * kPageTokens * width, DType::kBF16,
          std::vector<float>(num_pages * 2 * kPageTokens * width, -1));
      KvWrite(keys.view(), values.view(), table.view(), h.heads, cache.view(),
              *device.stream);
      return cache.Read();
    });
    std::vector<float> want(got.size(), -1);
    for (const SequenceRows& s : sequences) {
      for (int64_t i = 0; i < s.row_count; ++i) {
        const int64_t position = s.first_position + i, row = s.row_begin + i;
        for (int64_t c = 0; c < width; ++c) {
          float* const block =
              &want[(s.pages[position / 32] * h.heads + c / h.depth) * 2 * 32 *
                    h.depth];
          const int64_t at = position % 32 * h.depth + c % h.depth;
          block[at] = k[row * width + c];
          block[32 * h.depth + at] = v[row * width + c];
        }
      }
    }
    ExpectSameBits(got, want, absl::StrCat("D ", h.depth));
  }
}

}  // namespace
}  // namespace r1::cuda
