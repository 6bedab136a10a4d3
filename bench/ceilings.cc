#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/ceilings.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <chrono>
#include <vector>

#include "bench/ceilings.h"
#include "hwy/highway.h"
#include "kernels/buffer.h"
#include "kernels/matrix.h"

HWY_BEFORE_NAMESPACE();
namespace r1::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kChains = HWY_TARGET == HWY_AVX3 ? 24 : 10;

// `steps` multiply-adds in each of kChains independent chains. Returns a value
// that depends on all of them, and in *operations their number.
float RunFma(int64_t steps, double* operations) {
  const hn::ScalableTag<float> d;
  using Vec = hn::Vec<decltype(d)>;
  Vec sum[kChains];
#pragma GCC unroll 32
  for (int i = 0; i < kChains; ++i) sum[i] = hn::Set(d, 1.0f + i);
  const Vec factor = hn::Set(d, 0.999f);
  const Vec term = hn::Set(d, 1e-3f);
  for (int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) {
      sum[i] = hn::MulAdd(sum[i], factor, term);
    }
  }
  for (int i = 1; i < kChains; ++i) sum[0] = hn::Add(sum[0], sum[i]);
  *operations = 2.0 * kChains * hn::Lanes(d) * steps;
  return hn::GetLane(hn::SumOfLanes(d, sum[0]));
}

// Reads `count` floats, a multiple of 128, and returns a sum of them all.
float ReadAll(const float* p, int64_t count) {
  const hn::ScalableTag<float> d;
  using Vec = hn::Vec<decltype(d)>;
  constexpr int kUnroll = 8;
  const int64_t lanes = hn::Lanes(d);
  Vec sum[kUnroll];
  for (int i = 0; i < kUnroll; ++i) sum[i] = hn::Zero(d);
  for (int64_t at = 0; at < count; at += kUnroll * lanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kUnroll; ++i) {
      sum[i] = hn::Add(sum[i], hn::Load(d, p + at + i * lanes));
    }
  }
  for (int i = 1; i < kUnroll; ++i) sum[0] = hn::Add(sum[0], sum[i]);
  return hn::GetLane(hn::SumOfLanes(d, sum[0]));
}

}  // namespace r1::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1 {
namespace bench {
HWY_EXPORT(RunFma);
HWY_EXPORT(ReadAll);
}  // namespace bench

namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One value per thread, each on its own cache line; keeps the results alive.
struct alignas(64) Sink {
  volatile float value = 0;
  double operations = 0;
};

}  // namespace

double MeasureFmaPeak(ThreadPool& pool) {
  using namespace bench;  // HWY_DYNAMIC_DISPATCH takes an unqualified name
  constexpr int kBursts = 8;
  constexpr int64_t kSteps = 200000;
  const int tasks = pool.num_threads();
  std::vector<Sink> sinks(tasks);
  double best = 0;
  for (int burst = 0; burst < kBursts; ++burst) {
    const auto start = Clock::now();
    pool.ParallelFor(tasks, [&](int64_t task, int) {
      sinks[task].value =
          HWY_DYNAMIC_DISPATCH(RunFma)(kSteps, &sinks[task].operations);
    });
    const double seconds = SecondsSince(start);
    double operations = 0;
    for (const Sink& sink : sinks) operations += sink.operations;
    best = std::max(best, operations / seconds);
  }
  return best;
}

double MeasureReadBandwidth(ThreadPool& pool, int64_t bytes) {
  using namespace bench;  // HWY_DYNAMIC_DISPATCH takes an unqualified name
  constexpr int64_t kUnit = 128;       // floats, what ReadAll wants
  constexpr double kBytesInAll = 6e8;  // some 10 ms and more
  const int tasks = pool.num_threads();
  const int64_t part = (bytes / int64_t{sizeof(float)} + tasks * kUnit - 1) /
                       (tasks * kUnit) * kUnit;
  const Buffer data(CpuDevice(), part * tasks);
  std::fill_n(FloatsOf(data), data.count(), 1.0f);
  std::vector<Sink> sinks(tasks);
  const double pass_bytes = 1.0 * part * tasks * sizeof(float);
  const int repeats = std::max(1, static_cast<int>(2e7 / pass_bytes));
  const int passes =
      std::clamp(static_cast<int>(kBytesInAll / (pass_bytes * repeats)), 4, 40);
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const auto start = Clock::now();
    pool.ParallelFor(tasks, [&](int64_t task, int) {
      for (int r = 0; r < repeats; ++r) {
        sinks[task].value =
            HWY_DYNAMIC_DISPATCH(ReadAll)(FloatsOf(data) + task * part, part);
      }
    });
    best = std::max(best, pass_bytes * repeats / SecondsSince(start));
  }
  return best;
}

}  // namespace r1
#endif  // HWY_ONCE
