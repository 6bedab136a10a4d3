// What this machine can do at most, measured: the yardsticks of op_bench.
#ifndef R1_BENCH_CEILINGS_H_
#define R1_BENCH_CEILINGS_H_

#include <cstdint>

#include "kernels/thread_pool.h"

namespace r1 {

// fp32 fused multiply-adds on registers only, all threads of the pool.
// Units: floating-point operations per second; best of some short bursts.
double MeasureFmaPeak(ThreadPool& pool);

// Reads a buffer of `bytes` over and over, all threads of the pool, each its
// own part. Units: bytes per second; best of some passes.
double MeasureReadBandwidth(ThreadPool& pool, int64_t bytes);

}  // namespace r1

#endif  // R1_BENCH_CEILINGS_H_
