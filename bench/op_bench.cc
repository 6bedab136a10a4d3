// The ops of the CPU set against ceilings measured in the same run: "of_peak"
// is the share of the FMA peak, "of_read" the share of the read bandwidth for a
// working set of the same size, measured just before the op.
//   op_bench --benchmark_filter=MatMul/N:1536
#include <algorithm>
#include <vector>

#include "bench/bench_util.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "kernels/thread_pool.h"

namespace r1 {
namespace {

double ReadBandwidth(int64_t bytes) {
  ThreadPool pool(BenchThreads());
  return MeasureReadBandwidth(pool, bytes);
}

// Rows below which a product is bound by reading the weights.
constexpr int kBandwidthRows = 4;

void MatMul(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), m = state.range(2);
  const double bandwidth =
      m <= kBandwidthRows ? ReadBandwidth(n * k * sizeof(float)) : 0;
  const auto ops = MakeCpuOps(BenchThreads());
  const Buffer x = RandomBuffer(m * k), w = RandomBuffer(n * k),
               y(CpuDevice(), m * n);
  Linear linear;
  const Tensor weights = w.Matrix(n, k);
  ops->SetLinear({&weights, 1}, &linear);
  const double seconds = TimeCalls(
      state, [&] { ops->MatMul(x.Matrix(m, k), linear, {}, y.Matrix(m, n)); });
  ReportFlops(state, 2.0 * m * n * k, seconds);
  if (m <= kBandwidthRows) {
    ReportBytes(state, 4.0 * n * k, seconds, bandwidth);
  }
}
BENCHMARK(MatMul)->Apply(MatMulShapes);

// The matrix is transposed on the way.
void MatMulTransposed(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), m = state.range(2);
  const auto ops = MakeCpuOps(BenchThreads());
  const Buffer dy = RandomBuffer(m * n), w = RandomBuffer(n * k),
               dx(CpuDevice(), m * k);
  Linear linear;
  const Tensor weights = w.Matrix(n, k);
  ops->SetLinear({&weights, 1}, &linear);
  const double seconds = TimeCalls(state, [&] {
    ops->MatMulTransposed(dy.Matrix(m, n), linear, dx.Matrix(m, k));
  });
  ReportFlops(state, 2.0 * m * n * k, seconds);
}
BENCHMARK(MatMulTransposed)->Apply(MatMulShapes);

void MatMulWeightGradient(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1), m = state.range(2);
  const auto ops = MakeCpuOps(BenchThreads());
  const Buffer x = RandomBuffer(m * k), dy = RandomBuffer(m * n),
               dw(CpuDevice(), n * k);
  const double seconds = TimeCalls(state, [&] {
    ops->MatMulWeightGradient(dy.Matrix(m, n), x.Matrix(m, k), dw.Matrix(n, k));
  });
  ReportFlops(state, 2.0 * m * n * k, seconds);
}
BENCHMARK(MatMulWeightGradient)->Apply(MatMulShapes);

// The other ops move bytes: what they must read and write at least, against
// reading as many.
template <typename Setup>
void BandwidthBench(benchmark::State& state, double bytes, Setup setup) {
  const double bandwidth = ReadBandwidth(static_cast<int64_t>(bytes));
  const auto ops = MakeCpuOps(BenchThreads());
  ReportBytes(state, bytes, TimeCalls(state, setup(*ops)), bandwidth);
}

void SetLinear(benchmark::State& state) {
  const int64_t n = state.range(0), k = state.range(1);
  const Buffer w = RandomBuffer(n * k);
  const Tensor weights = w.Matrix(n, k);
  Linear linear;
  BandwidthBench(state, 8.0 * n * k, [&](Ops& ops) {
    return [&] { ops.SetLinear({&weights, 1}, &linear); };
  });
}
BENCHMARK(SetLinear)
    ->ArgNames({"N", "K"})
    ->ArgsProduct({{1536, 49152}, {576}})
    ->UseRealTime();

void RmsNormForward(benchmark::State& state) {
  const int64_t t = state.range(0), c = state.range(1);
  const int groups = state.range(2);
  const Buffer x = RandomBuffer(t * c), w = RandomBuffer(c / groups),
               y(CpuDevice(), t * c);
  BandwidthBench(state, 8.0 * t * c, [&](Ops& ops) {
    return [&] {
      ops.RmsNormForward(x.Matrix(t, c), w.Matrix(1, w.count()), groups, 1e-6f,
                         y.Matrix(t, c));
    };
  });
}

void RmsNormBackward(benchmark::State& state) {
  const int64_t t = state.range(0), c = state.range(1);
  const int groups = state.range(2);
  const Buffer x = RandomBuffer(t * c), w = RandomBuffer(c / groups),
               dy = RandomBuffer(t * c), dx(CpuDevice(), t * c),
               dw(CpuDevice(), c / groups);
  BandwidthBench(state, 12.0 * t * c, [&](Ops& ops) {
    return [&] {
      ops.RmsNormBackward(x.Matrix(t, c), w.Matrix(1, w.count()), groups, 1e-6f,
                          dy.Matrix(t, c), Store::kAssign, dx.Matrix(t, c),
                          dw.Matrix(1, dw.count()));
    };
  });
}

void NormShapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"T", "C", "groups"})->UseRealTime();
  for (const int t : {1, 64, 1024}) {
    bench->Args({t, 128, 1});
    bench->Args({t, 576, 1});
    bench->Args({t, 576, 9});
  }
}
BENCHMARK(RmsNormForward)->Apply(NormShapes);
BENCHMARK(RmsNormBackward)->Apply(NormShapes);

void Rope(benchmark::State& state) {
  const int64_t t = state.range(0), heads = state.range(1), size = 64;
  const Buffer x = RandomBuffer(t * heads * size),
               angles = RandomBuffer(t * size);
  std::vector<int32_t> positions(t);
  for (int64_t i = 0; i < t; ++i) positions[i] = i;
  BandwidthBench(state, 4.0 * t * size * (2 * heads + 1), [&](Ops& ops) {
    return [&] {
      ops.Rope(x.Matrix(t, heads * size), heads, VectorTensor(positions),
               angles.Matrix(t, size), false);
    };
  });
}
BENCHMARK(Rope)
    ->ArgNames({"T", "H"})
    ->ArgsProduct({{1, 64, 1024}, {9}})
    ->UseRealTime();

void SwiGluForward(benchmark::State& state) {
  const int64_t t = state.range(0), f = state.range(1);
  const Buffer gate_up = RandomBuffer(t * 2 * f), y(CpuDevice(), t * f);
  BandwidthBench(state, 12.0 * t * f, [&](Ops& ops) {
    return [&] { ops.SwiGluForward(gate_up.Matrix(t, 2 * f), y.Matrix(t, f)); };
  });
}

void SwiGluBackward(benchmark::State& state) {
  const int64_t t = state.range(0), f = state.range(1);
  const Buffer gate_up = RandomBuffer(t * 2 * f), dy = RandomBuffer(t * f),
               dgate_up(CpuDevice(), t * 2 * f);
  BandwidthBench(state, 20.0 * t * f, [&](Ops& ops) {
    return [&] {
      ops.SwiGluBackward(gate_up.Matrix(t, 2 * f), dy.Matrix(t, f),
                         dgate_up.Matrix(t, 2 * f));
    };
  });
}

void SwiGluShapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"T", "F"})
      ->ArgsProduct({{1, 64, 1024}, {384, 1536}})
      ->UseRealTime();
}
BENCHMARK(SwiGluForward)->Apply(SwiGluShapes);
BENCHMARK(SwiGluBackward)->Apply(SwiGluShapes);

void Rows(benchmark::State& state) {
  const int64_t t = state.range(0), c = 576, v = 49152;
  const bool is_backward = state.range(1) != 0;
  const Buffer table = RandomBuffer(v * c), y = RandomBuffer(t * c);
  std::vector<int32_t> ids(t);
  for (int64_t i = 0; i < t; ++i) ids[i] = (i * 7919) % v;
  BandwidthBench(state, (is_backward ? 12.0 : 8.0) * t * c, [&](Ops& ops) {
    return [&, is_backward] {
      if (is_backward) {
        ops.ScatterAddRows(y.Matrix(t, c), VectorTensor(ids),
                           table.Matrix(v, c));
      } else {
        ops.GatherRows(table.Matrix(v, c), VectorTensor(ids), y.Matrix(t, c));
      }
    };
  });
}
BENCHMARK(Rows)
    ->ArgNames({"T", "backward"})
    ->ArgsProduct({{64, 4096}, {0, 1}})
    ->UseRealTime();

void ColumnSum(benchmark::State& state) {
  const int64_t t = state.range(0), n = state.range(1);
  const Buffer dy = RandomBuffer(t * n), db(CpuDevice(), n);
  BandwidthBench(state, 4.0 * t * n, [&](Ops& ops) {
    return [&] { ops.ColumnSum(dy.Matrix(t, n), db.Matrix(1, n)); };
  });
}
BENCHMARK(ColumnSum)
    ->ArgNames({"T", "N"})
    ->ArgsProduct({{64, 1024}, {960}})
    ->UseRealTime();

void AdamW(benchmark::State& state) {
  const size_t n = state.range(0);
  const Buffer params = RandomBuffer(n), grads = RandomBuffer(n),
               m(CpuDevice(), n), v(CpuDevice(), n);
  BandwidthBench(state, 28.0 * n, [&](Ops& ops) {
    return [&] {
      ops.AdamW(params.Matrix(1, n), grads.Matrix(1, n), m.Matrix(1, n),
                v.Matrix(1, n), {.learning_rate = 1e-4f});
    };
  });
}
BENCHMARK(AdamW)->ArgName("n")->Arg(1 << 20)->Arg(1 << 24)->UseRealTime();

void SumSquares(benchmark::State& state) {
  const size_t n = state.range(0);
  const Buffer x = RandomBuffer(n);
  double sink = 0;
  BandwidthBench(state, 4.0 * n, [&](Ops& ops) {
    return [&] {
      benchmark::DoNotOptimize(sink = ops.SumSquares(x.Matrix(1, n)));
    };
  });
}
BENCHMARK(SumSquares)->ArgName("n")->Arg(1 << 20)->Arg(1 << 24)->UseRealTime();

// One round trip through the pool with next to nothing to do.
void Barrier(benchmark::State& state) {
  ThreadPool pool(BenchThreads());
  TimeCalls(state, [&] {
    pool.ParallelFor(pool.num_threads(),
                     [](int64_t task, int) { benchmark::DoNotOptimize(task); });
  });
}
BENCHMARK(Barrier)->UseRealTime();

}  // namespace
}  // namespace r1

BENCHMARK_MAIN();
