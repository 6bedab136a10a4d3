// A batch of sequences with its own pages on the test device, for the tests of
// attention.
#ifndef R1_TESTS_KERNELS_CUDA_ATTENTION_DEVICE_H_
#define R1_TESTS_KERNELS_CUDA_ATTENTION_DEVICE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/cuda/attention.h"
#include "kernels/ops.h"
#include "tests/kernels/cuda/hosted_matrix.h"
#include "tests/reference/attention.h"

namespace r1::cuda {

struct Heads {
  int heads, kv_heads, depth;  // H, K, D

  int group() const { return heads / kv_heads; }
  int q_width() const { return heads * depth; }
  int kv_width() const { return kv_heads * depth; }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(depth)); }
  std::string Name() const {
    return "H" + std::to_string(heads) + "K" + std::to_string(kv_heads) + "D" +
           std::to_string(depth);
  }
  reference::AttentionShape Reference(int64_t tokens) const {
    return {tokens, heads, kv_heads, depth, scale()};
  }
};

// Pages that are NaN until they are written, handed out from the last to the
// first.
class DeviceCache {
 public:
  DeviceCache(const Heads& shape, int64_t pages)
      : shape_(shape),
        data_(pages, KvPages::PageElements(shape.kv_heads, shape.depth)),
        next_(pages) {}

  std::vector<int32_t> Take(int64_t tokens) {
    std::vector<int32_t> taken(KvPages::PagesFor(tokens));
    for (int32_t& page : taken) page = --next_;
    return taken;
  }
  // Rows [begin, begin + count) of k and v go to positions from `position` on.
  void Write(const HostedMatrix<bf16>& k, const HostedMatrix<bf16>& v,
             int64_t begin, int64_t count, const std::vector<int32_t>& pages,
             int64_t position) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = position + i;
      bf16* const page = data_.Row(pages.at(at / kPageTokens));
      for (int c = 0; c < shape_.kv_width(); ++c) {
        const int head = c / shape_.depth, d = c % shape_.depth;
        bf16* const block = page + 2 * head * kPageTokens * shape_.depth;
        const int64_t element = at % kPageTokens * shape_.depth + d;
        block[element] = k.at(begin + i, c);
        block[kPageTokens * shape_.depth + element] = v.at(begin + i, c);
      }
    }
  }
  KvPages pages() const { return {data_, shape_.kv_heads, shape_.depth}; }

 private:
  Heads shape_;
  HostedMatrix<bf16> data_;
  int32_t next_;
};

// The tables of a batch on the device.
struct UploadedTables {
  explicit UploadedTables(const AttentionTables& t)
      : sequences(Upload(t.sequences)),
        pages(Upload(t.pages)),
        split_tiles(Upload(t.split_tiles)),
        fold_tiles(Upload(t.fold_tiles)),
        row_tiles(Upload(t.row_tiles)),
        key_tiles(Upload(t.key_tiles)),
        splits(t.splits) {}

  operator DeviceAttentionTables() const {
    Tensor list = pages;
    std::swap(list.rows, list.cols);
    return {sequences, list,      split_tiles, fold_tiles,
            row_tiles, key_tiles, splits};
  }

 private:
  template <class Entry>
  static HostedMatrix<int32_t> Upload(const std::vector<Entry>& entries) {
    const int64_t cols = sizeof(Entry) / sizeof(int32_t);
    HostedMatrix<int32_t> table(entries.size(), cols, cols);
    std::copy_n(entries.data(), entries.size(),
                reinterpret_cast<Entry*>(table.data()));
    return table;
  }

  HostedMatrix<int32_t> sequences, pages, split_tiles, fold_tiles, row_tiles,
      key_tiles;
  int splits;
};

struct ForwardResult {
  HostedMatrix<bf16> out;
  HostedMatrix<float> lse;
};

inline ForwardResult RunForward(const Heads& shape, const HostedMatrix<bf16>& q,
                                const DeviceCache& cache,
                                const std::vector<SequenceRows>& sequences) {
  ForwardResult result = {{q.rows(), q.cols()}, {q.rows(), shape.heads}};
  const UploadedTables tables(
      MakeAttentionTables(sequences, shape.group(), false));
  const HostedMatrix<float> scratch(1, AttentionScratch(tables, cache.pages()));
  RunOnDevice([&](Stream& stream) {
    AttentionForward(q, tables, cache.pages(), shape.scale(), result.out,
                     result.lse, scratch, stream);
  });
  return result;
}

// Sequences of given lengths, packed one after another, all in the cache.
struct PackedBatch {
  PackedBatch(const Heads& shape, const std::vector<int64_t>& lengths,
              uint32_t seed)
      : shape(shape),
        lengths(lengths),
        rows(std::accumulate(lengths.begin(), lengths.end(), int64_t{0})),
        q(RandomMatrix<bf16>(rows, shape.q_width(), seed)),
        k(RandomMatrix<bf16>(rows, shape.kv_width(), seed + 1)),
        v(RandomMatrix<bf16>(rows, shape.kv_width(), seed + 2)),
        cache(shape, rows / kPageTokens + lengths.size() + 1) {
    int64_t begin = 0;
    for (const int64_t length : lengths) {
      page_lists.push_back(cache.Take(length));
      cache.Write(k, v, begin, length, page_lists.back(), 0);
      begin += length;
    }
    begin = 0;
    for (size_t i = 0; i < lengths.size(); ++i) {
      sequences.push_back({begin, lengths[i], 0, page_lists[i]});
      begin += lengths[i];
    }
  }

  Heads shape;
  std::vector<int64_t> lengths;
  int64_t rows;
  HostedMatrix<bf16> q, k, v;
  DeviceCache cache;
  std::vector<std::vector<int32_t>> page_lists;
  std::vector<SequenceRows> sequences;
};

// Relative error of a probability: the score has D + 4 roundings of at most
// `score`, the largest scaled sum of |q||k| in the batch, as has the
// log-sum-exp; the sum over n keys n roundings; 2^x is good to 2^-22 or better
// (PTX ISA, ex2.approx).
inline double ProbabilityError(const Heads& shape, double score, int64_t keys) {
  return (2 * (shape.depth + 4) * score + keys + 16) * kFloatRound + 0x1p-21;
}

inline std::vector<double> Absolute(std::vector<double> x) {
  for (double& value : x) value = std::abs(value);
  return x;
}

// The largest scaled sum of |q||k| of rows and keys [0, tokens).
inline double LargestScore(const Heads& shape, const std::vector<double>& q,
                           const std::vector<double>& k, int64_t tokens) {
  const auto s = shape.Reference(tokens);
  double largest = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    for (int h = 0; h < shape.heads; ++h) {
      for (int64_t j = 0; j <= t; ++j) {
        double sum = 0;
        for (int d = 0; d < shape.depth; ++d) {
          sum += std::abs(q[s.q_index(t, h, d)] * k[s.kv_index(j, h, d)]);
        }
        largest = std::max(largest, sum * s.scale);
      }
    }
  }
  return largest;
}

}  // namespace r1::cuda

#endif  // R1_TESTS_KERNELS_CUDA_ATTENTION_DEVICE_H_
