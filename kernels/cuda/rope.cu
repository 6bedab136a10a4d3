// Rotary position embedding, half-split layout: one thread for four pairs.
#include "kernels/cuda/compat.h"
#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

template <class X>
__global__ void __launch_bounds__(kThreads)
    RopeKernel(View<X> x, int heads, const int32_t* positions,
               View<float> cos_sin, float sign) {
  const int64_t half = cos_sin.cols / 2, fours = (half + 3) / 4;
  const int64_t i = ThreadOfGrid();
  const int64_t row = i / (heads * fours), col = i % fours * 4;
  const int64_t head = i / fours % heads;
  if (row >= x.rows || positions[row] < 0) return;
  // The four columns are those of a half; views that end there.
  const auto half_of = [&](auto view, int64_t begin) {
    view.data = view.data + begin;
    view.cols = half;
    view.in_fours = view.in_fours && half % 4 == 0;
    return view;
  };
  const View<X> low = half_of(x, head * 2 * half);
  const View<X> high = half_of(x, head * 2 * half + half);
  Four c, s;
  if (positions[row] < cos_sin.rows) {
    c = Load4(half_of(cos_sin, 0), positions[row], col);
    s = Load4(half_of(cos_sin, half), positions[row], col);
  } else {
    const float nan = __uint_as_float(0x7fffffff);
    c = s = Four{{nan, nan, nan, nan}};
  }
  Four a = Load4(low, row, col), b = Load4(high, row, col);
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    const float sine = s.v[e] * sign, u = a.v[e], v = b.v[e];
    a.v[e] = __fmaf_rn(-v, sine, u * c.v[e]);
    b.v[e] = __fmaf_rn(u, sine, v * c.v[e]);
  }
  Store4(a, low, row, col);
  Store4(b, high, row, col);
}

}  // namespace

void Rope(Tensor x, int heads, Tensor positions, Tensor cos_sin, bool inverse,
          Stream& stream) {
  R1_CHECK(positions.count() == x.rows && positions.is_dense() &&
               cos_sin.cols % 2 == 0 && x.cols == heads * cos_sin.cols,
           "Rope: x [T, heads * D], positions [T], cos_sin [max_position, D]");
  if (x.empty()) return;
  WithFormat(x.dtype, [&](auto format) {
    using X = typename decltype(format)::Type;
    const int64_t fours = (cos_sin.cols / 2 + 3) / 4;
    Launch(RopeKernel<X>, BlocksFor(x.rows * heads * fours), kThreads, 0,
           stream, ViewOf<X>(x), heads, ViewOf<int32_t>(positions).data,
           ViewOf<float>(cos_sin), inverse ? -1.0f : 1.0f);
  });
}

}  // namespace r1::cuda
