// Attention, log-probs and sampling against the ceilings of this machine.
// Packed batches: the FMA peak. FLOPs are those of the visible keys only:
// 4 D per (query head, visible key) forward, 10 D backward (with the scores
// computed again). Decoding: the bytes of the keys and values that are read.
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/bench_util.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"

namespace r1 {
namespace {

struct AttentionShape {
  explicit AttentionShape(const benchmark::State& state)
      : sequences(state.range(0)),
        tokens(state.range(1)),
        heads(state.range(2)),
        kv_heads(state.range(3)),
        depth(state.range(4)) {}

  // Pairs of query row and visible key, when every token is a query.
  double pairs() const {
    return static_cast<double>(sequences) * heads * tokens * (tokens + 1) / 2;
  }

  int64_t sequences, tokens;
  int heads, kv_heads, depth;
};

// Keys and values of every sequence in pages of its own.
struct FilledCache {
  explicit FilledCache(const AttentionShape& s) {
    const int64_t per_sequence = KvPages::PagesFor(s.tokens);
    const int64_t num_pages = s.sequences * per_sequence;
    const int64_t elements = KvPages::PageElements(s.kv_heads, s.depth);
    cache.num_kv_heads = s.kv_heads;
    cache.head_dim = s.depth;
    data = RandomBuffer(num_pages * elements);
    cache.data = data.Matrix(num_pages, elements);
    for (int32_t page = 0; page < num_pages; ++page) {
      pages.push_back(page);
    }
  }

  // The last `rows` tokens of every sequence, packed.
  std::unique_ptr<DeviceBatch> LastRows(const AttentionShape& s, int64_t rows,
                                        Ops& ops) const {
    std::vector<SequenceRows> list;
    const int64_t count = KvPages::PagesFor(s.tokens);
    for (int64_t i = 0; i < s.sequences; ++i) {
      list.push_back({i * rows, rows, s.tokens - rows,
                      absl::MakeSpan(pages).subspan(i * count, count)});
    }
    auto batch = ops.MakeBatch();
    ops.Prepare({{}, {}, list}, batch.get());
    return batch;
  }

  Buffer data;
  KvPages cache;
  std::vector<int32_t> pages;
};

// 1M, 10M and 135M models at several lengths, then head sizes 128 and 80.
void PackedShapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"S", "T", "H", "K", "D"})->UseRealTime();
  bench->Args({32, 100, 4, 2, 32});
  bench->Args({16, 256, 8, 4, 32});
  bench->Args({8, 256, 9, 3, 64});
  bench->Args({2, 1024, 9, 3, 64});
  bench->Args({4, 512, 8, 8, 64});
  bench->Args({2, 512, 12, 2, 128});
  bench->Args({2, 512, 8, 8, 80});
}

void AttentionForward(benchmark::State& state) {
  const AttentionShape s(state);
  const auto ops = MakeCpuOps(BenchThreads());
  const FilledCache filled(s);
  const auto sequences = filled.LastRows(s, s.tokens, *ops);
  const int64_t rows = s.sequences * s.tokens;
  const Buffer q = RandomBuffer(rows * s.heads * s.depth);
  const Buffer out(CpuDevice(), rows * s.heads * s.depth),
      lse(CpuDevice(), rows * s.heads);
  const double seconds = TimeCalls(state, [&] {
    ops->AttentionForward(
        q.Matrix(rows, s.heads * s.depth), *sequences, filled.cache, 0.125f,
        out.Matrix(rows, s.heads * s.depth), lse.Matrix(rows, s.heads));
  });
  ReportFlops(state, 4 * s.depth * s.pairs(), seconds);
}
BENCHMARK(AttentionForward)->Apply(PackedShapes);

void AttentionBackward(benchmark::State& state) {
  const AttentionShape s(state);
  const auto ops = MakeCpuOps(BenchThreads());
  const FilledCache filled(s);
  const auto sequences = filled.LastRows(s, s.tokens, *ops);
  const int64_t rows = s.sequences * s.tokens;
  const int64_t width = s.heads * s.depth;
  const int64_t kv_width = s.kv_heads * s.depth;
  const Buffer q = RandomBuffer(rows * width),
               dout = RandomBuffer(rows * width);
  const Buffer out(CpuDevice(), rows * width), lse(CpuDevice(), rows * s.heads),
      dq(CpuDevice(), rows * width);
  const Buffer dk(CpuDevice(), rows * kv_width),
      dv(CpuDevice(), rows * kv_width);
  ops->AttentionForward(q.Matrix(rows, width), *sequences, filled.cache, 0.125f,
                        out.Matrix(rows, width), lse.Matrix(rows, s.heads));
  const double seconds = TimeCalls(state, [&] {
    ops->AttentionBackward(q.Matrix(rows, width), out.Matrix(rows, width),
                           lse.Matrix(rows, s.heads), dout.Matrix(rows, width),
                           *sequences, filled.cache, 0.125f,
                           dq.Matrix(rows, width), dk.Matrix(rows, kv_width),
                           dv.Matrix(rows, kv_width));
  });
  ReportFlops(state, 10 * s.depth * s.pairs(), seconds);
}
BENCHMARK(AttentionBackward)->Apply(PackedShapes);

// S sequences at context T, one token each.
void DecodeShapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"S", "T", "H", "K", "D"})->UseRealTime();
  for (const int s : {1, 16, 64}) {
    bench->Args({s, 100, 4, 2, 32});
    bench->Args({s, 200, 8, 4, 32});
    bench->Args({s, 500, 9, 3, 64});
  }
}

void AttentionDecode(benchmark::State& state) {
  const AttentionShape s(state);
  const double bytes = 8.0 * s.sequences * s.tokens * s.kv_heads * s.depth;
  const double bandwidth = [&] {
    ThreadPool pool(BenchThreads());
    return MeasureReadBandwidth(pool, static_cast<int64_t>(bytes));
  }();
  const auto ops = MakeCpuOps(BenchThreads());
  const FilledCache filled(s);
  const auto sequences = filled.LastRows(s, 1, *ops);
  const int64_t width = s.heads * s.depth;
  const Buffer q = RandomBuffer(s.sequences * width),
               out(CpuDevice(), s.sequences * width);
  const double seconds = TimeCalls(state, [&] {
    ops->AttentionForward(q.Matrix(s.sequences, width), *sequences,
                          filled.cache, 0.125f, out.Matrix(s.sequences, width),
                          Tensor());
  });
  ReportBytes(state, bytes, seconds, bandwidth);
}
BENCHMARK(AttentionDecode)->Apply(DecodeShapes);

// Bytes read and written.
void KvWrite(benchmark::State& state) {
  const AttentionShape s(state);
  const auto ops = MakeCpuOps(BenchThreads());
  const FilledCache filled(s);
  const int64_t each = state.range(5) != 0 ? 1 : s.tokens;
  const auto sequences = filled.LastRows(s, each, *ops);
  const int64_t rows = s.sequences * each, width = s.kv_heads * s.depth;
  const Buffer k = RandomBuffer(rows * width), v = RandomBuffer(rows * width);
  const double seconds = TimeCalls(state, [&] {
    ops->KvWrite(k.Matrix(rows, width), v.Matrix(rows, width), *sequences,
                 filled.cache);
  });
  state.counters["GB/s"] = 16.0 * rows * width / seconds * 1e-9;
}
BENCHMARK(KvWrite)
    ->ArgNames({"S", "T", "H", "K", "D", "decode"})
    ->Args({8, 256, 9, 3, 64, 0})
    ->Args({32, 100, 4, 2, 32, 0})
    ->Args({64, 200, 8, 4, 32, 1})
    ->UseRealTime();

struct Head {
  Head(Ops& ops, int64_t vocabulary, int64_t channels)
      : w(RandomBuffer(vocabulary * channels)) {
    const Tensor view = w.Matrix(vocabulary, channels);
    ops.SetLinear({&view, 1}, &head);
  }
  Buffer w;
  Linear head;
};

void HeadShapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"V", "C", "T"})->UseRealTime();
  bench->Args({512, 128, 2048});
  bench->Args({4096, 256, 1024});
  bench->Args({49152, 576, 256});
}

void LogprobForward(benchmark::State& state) {
  const int64_t v = state.range(0), c = state.range(1), t = state.range(2);
  const auto ops = MakeCpuOps(BenchThreads());
  const Head head(*ops, v, c);
  const Buffer h = RandomBuffer(t * c);
  const std::vector<int32_t> targets(t, 7);
  std::vector<float> logprob(t), entropy(t);
  const double seconds = TimeCalls(state, [&] {
    ops->LogprobForward(h.Matrix(t, c), head.head, VectorTensor(targets), 1.0f,
                        VectorTensor(logprob), VectorTensor(entropy));
  });
  ReportFlops(state, 2.0 * t * v * c, seconds);
}
BENCHMARK(LogprobForward)->Apply(HeadShapes);

void LogprobBackward(benchmark::State& state) {
  const int64_t v = state.range(0), c = state.range(1), t = state.range(2);
  const auto ops = MakeCpuOps(BenchThreads());
  const Head head(*ops, v, c);
  const Buffer h = RandomBuffer(t * c), dh(CpuDevice(), t * c),
               dhead(CpuDevice(), v * c);
  const std::vector<int32_t> targets(t, 7);
  const std::vector<float> dlogprob(t, 0.1f);
  const double seconds = TimeCalls(state, [&] {
    ops->LogprobBackward(h.Matrix(t, c), head.head, VectorTensor(targets), 1.0f,
                         VectorTensor(dlogprob), {}, dh.Matrix(t, c),
                         dhead.Matrix(v, c), {}, {});
  });
  ReportFlops(state, 6.0 * t * v * c, seconds);
}
BENCHMARK(LogprobBackward)->Apply(HeadShapes);

// Reading the logits once, filter = 1: with top_p 0.95.
void Sample(benchmark::State& state) {
  const int64_t rows = state.range(0), v = state.range(1);
  const auto ops = MakeCpuOps(BenchThreads());
  const Buffer logits = RandomBuffer(rows * v);
  std::vector<SampleRequest> requests(rows);
  for (int64_t i = 0; i < rows; ++i) {
    requests[i].random_bits = static_cast<uint32_t>(i) * 0x9E3779B9u;
    if (state.range(2) != 0) requests[i].top_p = 0.95f;
  }
  std::vector<int32_t> tokens(rows);
  std::vector<float> logprobs(rows);
  const double seconds = TimeCalls(state, [&] {
    ops->Sample(logits.Matrix(rows, v), requests, VectorTensor(tokens),
                VectorTensor(logprobs));
  });
  state.counters["GB/s"] = 4.0 * rows * v / seconds * 1e-9;
}
BENCHMARK(Sample)
    ->ArgNames({"S", "V", "filter"})
    ->ArgsProduct({{64}, {512, 4096, 49152}, {0, 1}})
    ->UseRealTime();

}  // namespace
}  // namespace r1
