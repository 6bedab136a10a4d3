// Shared by the benchmarks of ops: data, and rates as shares of a ceiling.
#ifndef R1_BENCH_BENCH_UTIL_H_
#define R1_BENCH_BENCH_UTIL_H_

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <thread>

#include "bench/ceilings.h"
#include "kernels/buffer.h"
#include "kernels/matrix.h"
#include "kernels/thread_pool.h"

namespace r1 {

// All threads of the machine.
inline int BenchThreads() {
  return static_cast<int>(std::thread::hardware_concurrency());
}

// A buffer of numbers around zero. Uniform: cheap and without subnormals.
inline Buffer RandomBuffer(int64_t count) {
  Buffer buffer(CpuDevice(), count);
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    FloatsOf(buffer)[i] = static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
  }
  return buffer;
}

// Weights [N, K] times M rows: layers of three models and a vocabulary head.
inline void MatMulShapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"N", "K", "M"})->UseRealTime();
  constexpr int kShapes[][2] = {{384, 128},  {768, 256},   {1536, 576},
                                {576, 1536}, {49152, 576}, {576, 49152}};
  for (const auto& shape : kShapes) {
    for (const int m : {1, 2, 4, 8, 16, 64, 256, 1024}) {
      bench->Args({shape[0], shape[1], m});
    }
  }
}

// The FMA peak of this run, measured before the first benchmark: later the
// idle threads of a peer may still be spinning.
inline double FmaPeak() {
  static const double peak = [] {
    ThreadPool pool(BenchThreads());
    return MeasureFmaPeak(pool);
  }();
  return peak;
}

// Runs the benchmark and returns the seconds of one call of fn.
template <typename Fn>
double TimeCalls(benchmark::State& state, Fn fn) {
  fn();  // page faults, packing buffers
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (auto _ : state) fn();
  return std::chrono::duration<double>(Clock::now() - start).count() /
         static_cast<double>(state.iterations());
}

// Reports GFLOP/s and the share of the FMA peak.
inline void ReportFlops(benchmark::State& state, double flops, double seconds) {
  state.counters["GFLOP/s"] = flops / seconds * 1e-9;
  state.counters["peak"] = FmaPeak() * 1e-9;
  state.counters["of_peak"] = flops / seconds / FmaPeak();
}

// Reports GB/s and the share of the read bandwidth for that working set.
inline void ReportBytes(benchmark::State& state, double bytes, double seconds,
                        double bandwidth) {
  state.counters["GB/s"] = bytes / seconds * 1e-9;
  state.counters["read_GB/s"] = bandwidth * 1e-9;
  state.counters["of_read"] = bytes / seconds / bandwidth;
}

}  // namespace r1

#endif  // R1_BENCH_BENCH_UTIL_H_
