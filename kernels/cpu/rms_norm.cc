// Root-mean-square normalisation of rows or of groups inside rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rms_norm.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

#ifndef R1_KERNELS_CPU_RMS_NORM_CC_ONCE
#define R1_KERNELS_CPU_RMS_NORM_CC_ONCE
namespace r1::cpu {

// What the backward pass needs to know of one group of one row.
struct GroupStats {
  float inverse_rms;
  float projection;  // inverse_rms^3 / D * sum_c dy[c] w[c] x[c]
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_RMS_NORM_CC_ONCE

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// Sum over [0, n) of term(load): one chain of additions per lane, then a tree
// over the lanes. The order depends on n alone.
template <class Term>
HWY_INLINE float SumOver(int64_t n, Term term) {
  const FloatTag d;
  FloatVec sum = hn::Zero(d);
  ForEachVector(
      d, n,
      [&](int64_t i) HWY_ATTR {
        sum = term([&](const float* p) HWY_ATTR { return hn::LoadU(d, p + i); },
                   sum);
      },
      [&](int64_t i, int64_t count) HWY_ATTR {
        sum = term([&](const float* p)
                       HWY_ATTR { return LoadPartial(d, p + i, count); },
                   sum);
      });
  return SumLanes(d, sum);
}

HWY_INLINE float InverseRms(const float* x, int64_t n, float eps) {
  const float sum = SumOver(n, [&](auto load, FloatVec partial) HWY_ATTR {
    const FloatVec v = load(x);
    return hn::MulAdd(v, v, partial);
  });
  return 1.0f / std::sqrt(sum / static_cast<float>(n) + eps);
}

void NormRows(ConstMat x, const float* w, int groups, float eps, Mat y) {
  const FloatTag d;
  const int64_t size = x.cols / groups;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t g = 0; g < groups; ++g) {
      const float* in = x.Row(t) + g * size;
      const FloatVec scale = hn::Set(d, InverseRms(in, size, eps));
      Transform(d, size, y.Row(t) + g * size, [&](auto load) HWY_ATTR {
        return hn::Mul(hn::Mul(load(in), scale), load(w));
      });
    }
  }
}

void StatsOfRows(ConstMat x, const float* w, int groups, float eps, ConstMat dy,
                 GroupStats* stats) {
  const int64_t size = x.cols / groups;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t g = 0; g < groups; ++g) {
      const float* in = x.Row(t) + g * size;
      const float* grad = dy.Row(t) + g * size;
      const float r = InverseRms(in, size, eps);
      const float dot =
          SumOver(size, [&](auto load, FloatVec partial) HWY_ATTR {
            return hn::MulAdd(hn::Mul(load(grad), load(w)), load(in), partial);
          });
      *stats++ = {r, r * r * r * dot / static_cast<float>(size)};
    }
  }
}

// Channels [begin, end) of every group of all rows:
// dx = w dy r - x projection, dw += dy x r.
void BackwardColumns(ConstMat x, const float* w, int groups,
                     const GroupStats* stats, ConstMat dy, Store store, Mat dx,
                     float* dw, int64_t begin, int64_t end) {
  const FloatTag d;
  const int64_t size = x.cols / groups;
  const int64_t lanes = hn::Lanes(d);
  for (int64_t t = 0; t < x.rows; ++t) {
    for (int64_t g = 0; g < groups; ++g, ++stats) {
      const FloatVec r = hn::Set(d, stats->inverse_rms);
      const FloatVec projection = hn::Set(d, stats->projection);
      for (int64_t i = begin; i < end; i += lanes) {
        const int64_t left = end - i;
        const auto load = [&](const float* p) HWY_ATTR {
          return left >= lanes ? hn::LoadU(d, p) : LoadPartial(d, p, left);
        };
        const auto put = [&](FloatVec v, float* p) HWY_ATTR {
          left >= lanes ? hn::StoreU(v, d, p) : StorePartial(v, d, p, left);
        };
        const int64_t c = g * size + i;
        const FloatVec in = load(x.Row(t) + c);
        const FloatVec grad = load(dy.Row(t) + c);
        if (dw != nullptr) {
          put(hn::MulAdd(grad, hn::Mul(in, r), load(dw + i)), dw + i);
        }
        FloatVec out = hn::NegMulAdd(in, projection,
                                     hn::Mul(hn::Mul(grad, load(w + i)), r));
        if (store == Store::kAccumulate)
          out = hn::Add(load(dx.Row(t) + c), out);
        put(out, dx.Row(t) + c);
      }
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(NormRows);
HWY_EXPORT(StatsOfRows);
HWY_EXPORT(BackwardColumns);

namespace {

void CheckShapes(Tensor x, Tensor w, int groups, Tensor y) {
  R1_CHECK(groups >= 1 && x.cols == groups * w.count() && x.rows == y.rows &&
               x.cols == y.cols,
           "RmsNorm: x, y [T, groups * D], w [D]");
}

}  // namespace

void CpuOps::RmsNormForward(Tensor x, Tensor w, int groups, float eps,
                            Tensor y) {
  CheckShapes(x, w, groups, y);
  ParallelRows(pool_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(NormRows)
    (x.Rows(begin, end - begin), ConstMat(w).data, groups, eps,
     y.Rows(begin, end - begin));
  });
}

// dx may be dy, and dw sums over all rows: so first everything that needs a
// whole row, then channel by channel.
void CpuOps::RmsNormBackward(Tensor x, Tensor w, int groups, float eps,
                             Tensor dy, Store store, Tensor dx, Tensor dw) {
  CheckShapes(x, w, groups, dy);
  CheckShapes(x, w, groups, dx);
  R1_CHECK(dw.empty() || dw.count() == w.count(), "dw is [D] or empty");
  static_assert(sizeof(GroupStats) == 2 * sizeof(float));
  scratch_.norm.Reserve(2 * x.rows * groups);
  GroupStats* stats = reinterpret_cast<GroupStats*>(FloatsOf(scratch_.norm));
  ParallelRows(pool_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(StatsOfRows)
    (x.Rows(begin, end - begin), ConstMat(w).data, groups, eps,
     dy.Rows(begin, end - begin), stats + begin * groups);
  });
  ParallelColumns(pool_, x.rows * groups, w.count(),
                  [&](int64_t begin, int64_t end) {
                    HWY_DYNAMIC_DISPATCH(BackwardColumns)
                    (x, ConstMat(w).data, groups, stats, dy, store, dx,
                     Mat(dw).data, begin, end);
                  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
