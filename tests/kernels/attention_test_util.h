// A packed batch with its own pages, for the attention tests.
#ifndef R1_TESTS_KERNELS_ATTENTION_TEST_UTIL_H_
#define R1_TESTS_KERNELS_ATTENTION_TEST_UTIL_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/philox.h"
#include "kernels/buffer.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "tests/reference/attention.h"

namespace r1 {

struct HeadShape {
  int heads;     // H
  int kv_heads;  // K
  int depth;     // D

  float scale() const { return 1.0f / std::sqrt(static_cast<float>(depth)); }
};

// [rows, cols] of uniform numbers in [-1, 1).
inline std::vector<float> RandomFloats(int64_t count, uint64_t seed) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  std::vector<float> x(count);
  for (float& value : x) value = 2 * random.NextUniform() - 1;
  return x;
}

inline Mat View(std::vector<float>& x, int64_t rows) {
  return rows == 0 ? Mat() : Mat(x.data(), rows, x.size() / rows);
}

// A cache whose every float is NaN until it is written: what is masked or
// unwritten must not reach a result. Pages are handed out in an order that is
// neither ascending nor contiguous.
class TestCache {
 public:
  TestCache(const HeadShape& shape, int64_t num_pages) {
    pages_.num_kv_heads = shape.kv_heads;
    pages_.head_dim = shape.depth;
    pages_.data = buffer_.Reserve(
        num_pages, KvPages::PageElements(shape.kv_heads, shape.depth));
    std::fill_n(FloatsOf(buffer_), buffer_.count(),
                std::numeric_limits<float>::quiet_NaN());
    for (int64_t i = num_pages - 1; i >= 0; i -= 2) free_.push_back(i);
    for (int64_t i = num_pages - 2; i >= 0; i -= 2) free_.push_back(i);
  }

  std::vector<int32_t> Take(int64_t tokens) {
    std::vector<int32_t> taken(KvPages::PagesFor(tokens));
    for (int32_t& page : taken) {
      page = free_.at(next_++);
    }
    return taken;
  }

  const KvPages& pages() const { return pages_; }

 private:
  Buffer buffer_{CpuDevice()};
  KvPages pages_;
  std::vector<int32_t> free_;
  size_t next_ = 0;
};

// The sequences as ops take them.
inline std::unique_ptr<DeviceBatch> OnDevice(
    Ops& ops, absl::Span<const SequenceRows> sequences,
    absl::Span<const SequenceRows> copies = {}) {
  auto batch = ops.MakeBatch();
  ops.Prepare({{}, {}, sequences, copies}, batch.get());
  return batch;
}

// Sequences of given lengths, packed one after another, with random q, k, v.
struct TestBatch {
  TestBatch(const HeadShape& shape, const std::vector<int64_t>& lengths,
            uint64_t seed)
      : shape(shape), lengths(lengths) {
    for (const int64_t length : lengths) rows += length;
    q = RandomFloats(rows * shape.heads * shape.depth, seed);
    k = RandomFloats(rows * shape.kv_heads * shape.depth, seed + 1);
    v = RandomFloats(rows * shape.kv_heads * shape.depth, seed + 2);
  }

  int64_t q_width() const { return int64_t{shape.heads} * shape.depth; }
  int64_t kv_width() const { return int64_t{shape.kv_heads} * shape.depth; }
  int64_t pages() const {
    int64_t count = 0;
    for (const int64_t length : lengths) count += KvPages::PagesFor(length);
    return count;
  }
  reference::AttentionShape reference_shape(int64_t tokens) const {
    return {tokens, shape.heads, shape.kv_heads, shape.depth, shape.scale()};
  }

  // The rows [begin, begin + count) of one tensor in double.
  static std::vector<double> Slice(const std::vector<float>& x, int64_t width,
                                   int64_t begin, int64_t count) {
    return {x.begin() + begin * width, x.begin() + (begin + count) * width};
  }

  HeadShape shape;
  std::vector<int64_t> lengths;
  int64_t rows = 0;
  std::vector<float> q, k, v;
};

struct TestOutput {
  std::vector<float> out, lse;
};

// Runs the batch in one packed call.
inline TestOutput RunPacked(Ops& ops, TestBatch& batch, TestCache& cache,
                            std::vector<SequenceRows>* sequences,
                            std::vector<std::vector<int32_t>>* page_lists) {
  int64_t row = 0;
  for (const int64_t length : batch.lengths) {
    page_lists->push_back(cache.Take(length));
    sequences->push_back({row, length, 0, page_lists->back()});
    row += length;
  }
  TestOutput result;
  result.out.assign(batch.q.size(), -7.0f);
  result.lse.assign(batch.rows * batch.shape.heads, -7.0f);
  const auto rows = OnDevice(ops, *sequences);
  ops.KvWrite(View(batch.k, batch.rows), View(batch.v, batch.rows), *rows,
              cache.pages());
  ops.AttentionForward(View(batch.q, batch.rows), *rows, cache.pages(),
                       batch.shape.scale(), View(result.out, batch.rows),
                       View(result.lse, batch.rows));
  return result;
}

// Runs the batch in steps, each with up to `chunk` further tokens of every
// sequence; chunk = 1 is decoding.
inline TestOutput RunChunked(Ops& ops, TestBatch& batch, int64_t chunk) {
  TestCache cache(batch.shape, batch.pages());
  std::vector<std::vector<int32_t>> page_lists;
  std::vector<int64_t> starts;
  int64_t total = 0;
  int64_t longest = 0;
  for (const int64_t length : batch.lengths) {
    page_lists.push_back(cache.Take(length));
    starts.push_back(total);
    total += length;
    longest = std::max(longest, length);
  }
  TestOutput result;
  result.out.resize(batch.q.size());
  result.lse.resize(batch.rows * batch.shape.heads);
  for (int64_t done = 0; done < longest; done += chunk) {
    std::vector<SequenceRows> sequences;
    std::vector<int64_t> source;  // batch row of every row in the step
    for (size_t i = 0; i < batch.lengths.size(); ++i) {
      const int64_t count = std::min(chunk, batch.lengths[i] - done);
      if (count <= 0) continue;
      sequences.push_back(
          {static_cast<int64_t>(source.size()), count, done, page_lists[i]});
      for (int64_t t = 0; t < count; ++t)
        source.push_back(starts[i] + done + t);
    }
    const auto gather = [&](const std::vector<float>& x, int64_t width) {
      std::vector<float> rows;
      for (const int64_t row : source) {
        rows.insert(rows.end(), x.begin() + row * width,
                    x.begin() + (row + 1) * width);
      }
      return rows;
    };
    const int64_t rows = source.size();
    std::vector<float> q = gather(batch.q, batch.q_width());
    std::vector<float> k = gather(batch.k, batch.kv_width());
    std::vector<float> v = gather(batch.v, batch.kv_width());
    std::vector<float> out(q.size());
    std::vector<float> lse(rows * batch.shape.heads);
    const auto step = OnDevice(ops, sequences);
    ops.KvWrite(View(k, rows), View(v, rows), *step, cache.pages());
    ops.AttentionForward(View(q, rows), *step, cache.pages(),
                         batch.shape.scale(), View(out, rows), View(lse, rows));
    for (int64_t i = 0; i < rows; ++i) {
      std::copy_n(out.begin() + i * batch.q_width(), batch.q_width(),
                  result.out.begin() + source[i] * batch.q_width());
      std::copy_n(lse.begin() + i * batch.shape.heads, batch.shape.heads,
                  result.lse.begin() + source[i] * batch.shape.heads);
    }
  }
  return result;
}

}  // namespace r1

#endif  // R1_TESTS_KERNELS_ATTENTION_TEST_UTIL_H_
