// Root-mean-square normalisation. A chunk, D columns of a row, belongs to one
// warp or to one block, by D alone (order.h).
#include "kernels/cuda/compat.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/order.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

// Of kThreads threads, as many for a chunk as the template says.
template <int kWarps>
struct Team {
  static constexpr int kSize = kWarps * 32;
  static constexpr int kTeams = kThreads / kSize;  // a block has

  // This thread's team among those of the grid, and its place in it.
  static DEV int64_t Index() {
    return int64_t{blockIdx.x} * kTeams + threadIdx.x / kSize;
  }
  static DEV int Thread() { return threadIdx.x % kSize; }

  // The sum over the team's threads, for all of them. `warps`: 8 floats of
  // shared memory, unused by a team of one warp.
  static DEV float Sum(float v, float* warps) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      v = v + __shfl_xor_sync(~0u, v, distance);
    }
    if constexpr (kWarps > 1) {
      if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = v;
      __syncthreads();
      v = warps[0];
#pragma unroll
      for (int w = 1; w < kWarps; ++w) v = v + warps[w];
      __syncthreads();  // before the next sum overwrites them
    }
    return v;
  }
};

// Row t, group g of a [T, groups * D] matrix is row t * groups + g of this.
template <class T>
struct Chunks {
  View<T> rows;
  int groups;
  int64_t size;  // D

  DEV View<T> operator[](int64_t chunk) const {
    View<T> one = rows;
    one.data = rows.Row(chunk / groups) + chunk % groups * size;
    one.rows = 1;
    one.cols = size;
    one.in_fours = rows.in_fours && size % 4 == 0;
    return one;
  }
};

template <int kWarps, class X>
DEV float InverseRms(const View<X>& x, float eps, float* warps) {
  float sum = 0;
  for (int64_t c = Team<kWarps>::Thread() * 4; c < x.cols;
       c += Team<kWarps>::kSize * 4) {
    const Four v = Load4(x, 0, c);
#pragma unroll
    for (int i = 0; i < 4; ++i) sum = __fmaf_rn(v.v[i], v.v[i], sum);
  }
  const float mean = Team<kWarps>::Sum(sum, warps) / static_cast<float>(x.cols);
  return 1.0f / __fsqrt_rn(mean + eps);
}

template <int kWarps, class X, class Y>
__global__ void __launch_bounds__(kThreads)
    ForwardKernel(Chunks<X> xs, View<float> w, float eps, int64_t chunks,
                  Chunks<Y> ys) {
  using Mine = Team<kWarps>;
  STATIC_SHARED(float, warps, 8);
  const int64_t chunk = Mine::Index();
  if (chunk >= chunks) return;  // whole warps, where there are no barriers
  const View<X> x = xs[chunk];
  const View<Y> y = ys[chunk];
  const float r = InverseRms<kWarps>(x, eps, warps);
  for (int64_t c = Mine::Thread() * 4; c < x.cols; c += Mine::kSize * 4) {
    Four v = Load4(x, 0, c);
    const Four weight = Load4(w, 0, c);
#pragma unroll
    for (int i = 0; i < 4; ++i) v.v[i] = v.v[i] * r * weight.v[i];
    Store4(v, y, 0, c);
  }
}

// dx = dy w r - x r^3 / D sum(dy w x). A team takes kRowsPerPartial chunks, one
// after the other, and adds up dy x r in its row of `partials`, if there are
// any.
template <int kWarps, class X, class DY, class DX>
__global__ void __launch_bounds__(kThreads, 4)
    BackwardKernel(Chunks<X> xs, View<float> w, float eps, int64_t chunks,
                   Chunks<DY> dys, bool accumulate, Chunks<DX> dxs,
                   View<float> partials) {
  using Mine = Team<kWarps>;
  STATIC_SHARED(float, warps, 8);
  const int64_t begin = Mine::Index() * kRowsPerPartial;
  const int64_t end =
      begin + kRowsPerPartial < chunks ? begin + kRowsPerPartial : chunks;
  for (int64_t chunk = begin; chunk < end; ++chunk) {
    const View<X> x = xs[chunk];
    const View<DY> dy = dys[chunk];
    const View<DX> dx = dxs[chunk];
    const float r = InverseRms<kWarps>(x, eps, warps);
    float dot = 0;
    for (int64_t c = Mine::Thread() * 4; c < x.cols; c += Mine::kSize * 4) {
      const Four v = Load4(x, 0, c), g = Load4(dy, 0, c), u = Load4(w, 0, c);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        dot = __fmaf_rn(g.v[i] * u.v[i], v.v[i], dot);
      }
    }
    dot = Mine::Sum(dot, warps);
    const float projection = r * r * r * dot / static_cast<float>(x.cols);
    for (int64_t c = Mine::Thread() * 4; c < x.cols; c += Mine::kSize * 4) {
      const Four v = Load4(x, 0, c), g = Load4(dy, 0, c), u = Load4(w, 0, c);
      if (partials.rows > 0) {
        Four sum = {};
        if (chunk > begin) sum = Load4(partials, Mine::Index(), c);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          sum.v[i] = __fmaf_rn(g.v[i], v.v[i] * r, sum.v[i]);
        }
        Store4(sum, partials, Mine::Index(), c);
      }
      Four out = {};
      if (accumulate) out = Load4(dx, 0, c);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float d = __fmaf_rn(-v.v[i], projection, g.v[i] * u.v[i] * r);
        out.v[i] = accumulate ? out.v[i] + d : d;
      }
      Store4(out, dx, 0, c);
    }
  }
}

void CheckShapes(const Tensor& x, const Tensor& w, int groups,
                 const Tensor& y) {
  R1_CHECK(groups >= 1 && x.cols == groups * w.count() && x.rows == y.rows &&
               x.cols == y.cols && w.is_dense(),
           "RmsNorm: x, y [T, groups * D], w [D]");
}

template <class T>
Chunks<T> ChunksOf(const Tensor& x, int groups) {
  return {ViewOf<T>(x), groups, x.cols / groups};
}

// Calls f with the number of warps for a chunk of `size` columns.
template <class F>
void WithWarps(int64_t size, F f) {
  if (size <= kColumnsOfOneWarp) {
    f(std::integral_constant<int, 1>());
  } else {
    f(std::integral_constant<int, kThreads / 32>());
  }
}

int64_t BlocksForTeams(int64_t teams, int teams_of_a_block) {
  return (teams + teams_of_a_block - 1) / teams_of_a_block;
}

}  // namespace

void RmsNormForward(Tensor x, Tensor w, int groups, float eps, Tensor y,
                    Stream& stream) {
  CheckShapes(x, w, groups, y);
  if (x.empty()) return;
  const int64_t chunks = x.rows * groups;
  WithFormats(x.dtype, y.dtype, [&](auto fx, auto fy) {
    using X = typename decltype(fx)::Type;
    using Y = typename decltype(fy)::Type;
    WithWarps(w.count(), [&](auto warps) {
      constexpr int kWarps = decltype(warps)::value;
      Launch(ForwardKernel<kWarps, X, Y>,
             BlocksForTeams(chunks, Team<kWarps>::kTeams), kThreads, 0, stream,
             ChunksOf<X>(x, groups), ViewOf<float>(w), eps, chunks,
             ChunksOf<Y>(y, groups));
    });
  });
}

void RmsNormBackward(Tensor x, Tensor w, int groups, float eps, Tensor dy,
                     Store store, Tensor dx, Tensor dw, Tensor scratch,
                     Stream& stream) {
  CheckShapes(x, w, groups, dy);
  CheckShapes(x, w, groups, dx);
  if (x.empty()) return;
  const int64_t chunks = x.rows * groups, teams = Partials(chunks);
  R1_CHECK(dw.empty() || (dw.count() == w.count() && scratch.rows == teams &&
                          scratch.cols == w.count()),
           "RmsNormBackward: dw [D], scratch [Partials(T * groups), D]");
  const Tensor partials = dw.empty() ? Tensor() : scratch;
  WithFormat(x.dtype, [&](auto fx) {
    WithFormats(dy.dtype, dx.dtype, [&](auto fdy, auto fdx) {
      using X = typename decltype(fx)::Type;
      using DY = typename decltype(fdy)::Type;
      using DX = typename decltype(fdx)::Type;
      WithWarps(w.count(), [&](auto warps) {
        constexpr int kWarps = decltype(warps)::value;
        Launch(BackwardKernel<kWarps, X, DY, DX>,
               BlocksForTeams(teams, Team<kWarps>::kTeams), kThreads, 0, stream,
               ChunksOf<X>(x, groups), ViewOf<float>(w), eps, chunks,
               ChunksOf<DY>(dy, groups), store == Store::kAccumulate,
               ChunksOf<DX>(dx, groups), ViewOf<float>(partials));
      });
    });
  });
  if (!dw.empty()) AddPartials(partials, dw, stream);
}

}  // namespace r1::cuda
