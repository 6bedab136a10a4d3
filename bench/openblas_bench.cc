// OpenBLAS' sgemm on the shapes of op_bench, as a peer.
#include <cblas.h>

#include "bench/bench_util.h"

namespace r1 {
namespace {

// y [M, N] = x [M, K] W [N, K]^T.
void OpenBlas(benchmark::State& state) {
  const int n = state.range(0), k = state.range(1), m = state.range(2);
  FmaPeak();  // before OpenBLAS has threads
  openblas_set_num_threads(BenchThreads());
  state.SetLabel(openblas_get_corename());
  const Buffer x = RandomBuffer(int64_t{m} * k);
  const Buffer w = RandomBuffer(int64_t{n} * k);
  const Buffer y(CpuDevice(), int64_t{m} * n);
  const double seconds = TimeCalls(state, [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f,
                FloatsOf(x), k, FloatsOf(w), k, 0.0f, FloatsOf(y), n);
  });
  ReportFlops(state, 2.0 * m * n * k, seconds);
}

// dw [N, K] += dy [M, N]^T x [M, K].
void OpenBlasWeightGradient(benchmark::State& state) {
  const int n = state.range(0), k = state.range(1), m = state.range(2);
  FmaPeak();  // before OpenBLAS has threads
  openblas_set_num_threads(BenchThreads());
  state.SetLabel(openblas_get_corename());
  const Buffer x = RandomBuffer(int64_t{m} * k);
  const Buffer dy = RandomBuffer(int64_t{m} * n);
  const Buffer dw(CpuDevice(), int64_t{n} * k);
  const double seconds = TimeCalls(state, [&] {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, k, m, 1.0f,
                FloatsOf(dy), n, FloatsOf(x), k, 1.0f, FloatsOf(dw), k);
  });
  ReportFlops(state, 2.0 * m * n * k, seconds);
}

BENCHMARK(OpenBlas)->Apply(MatMulShapes);
BENCHMARK(OpenBlasWeightGradient)->Apply(MatMulShapes);

}  // namespace
}  // namespace r1
