// The gated activation of the feed-forward layer.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/swiglu.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "base/check.h"
#include "hwy/highway.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/exp-inl.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace r1::cpu::HWY_NAMESPACE {

// sigmoid(x) and 1 - sigmoid(x), each to full relative precision: both come
// from exp(-|x|), which cannot overflow.
struct Sigmoid {
  FloatVec value;
  FloatVec complement;
};

HWY_INLINE Sigmoid MakeSigmoid(FloatVec x) {
  const FloatTag d;
  const FloatVec one = hn::Set(d, 1.0f);
  const FloatVec e = ExpBounded(d, hn::Neg(hn::Abs(x)));
  const FloatVec large = hn::Div(one, hn::Add(one, e));
  const FloatVec small = hn::Mul(e, large);
  const auto is_negative = hn::Lt(x, hn::Zero(d));
  return {hn::IfThenElse(is_negative, small, large),
          hn::IfThenElse(is_negative, large, small)};
}

void ForwardRows(ConstMat gate_up, Mat y) {
  const FloatTag d;
  for (int64_t t = 0; t < y.rows; ++t) {
    const float* gate = gate_up.Row(t);
    const float* up = gate + y.cols;
    Transform(d, y.cols, y.Row(t), [&](auto load) HWY_ATTR {
      const FloatVec g = load(gate);
      return hn::Mul(hn::Mul(g, MakeSigmoid(g).value), load(up));
    });
  }
}

// d silu(g) / dg = s + g s (1 - s), s = sigmoid(g).
void BackwardRows(ConstMat gate_up, ConstMat dy, Mat dgate_up) {
  const FloatTag d;
  const int64_t lanes = hn::Lanes(d);
  const int64_t cols = dy.cols;
  for (int64_t t = 0; t < dy.rows; ++t) {
    for (int64_t i = 0; i < cols; i += lanes) {
      const int64_t left = cols - i;
      const auto load = [&](const float* p) HWY_ATTR {
        return left >= lanes ? hn::LoadU(d, p + i)
                             : LoadPartial(d, p + i, left);
      };
      const auto store = [&](FloatVec v, float* p) HWY_ATTR {
        left >= lanes ? hn::StoreU(v, d, p + i)
                      : StorePartial(v, d, p + i, left);
      };
      const FloatVec g = load(gate_up.Row(t));
      const FloatVec up = load(gate_up.Row(t) + cols);
      const FloatVec dout = load(dy.Row(t));
      const Sigmoid s = MakeSigmoid(g);
      const FloatVec silu = hn::Mul(g, s.value);
      const FloatVec slope = hn::MulAdd(silu, s.complement, s.value);
      store(hn::Mul(hn::Mul(dout, up), slope), dgate_up.Row(t));
      store(hn::Mul(dout, silu), dgate_up.Row(t) + cols);
    }
  }
}

}  // namespace r1::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
HWY_EXPORT(ForwardRows);
HWY_EXPORT(BackwardRows);

void CpuOps::SwiGluForward(Tensor gate_up, Tensor y) {
  R1_CHECK(gate_up.rows == y.rows && gate_up.cols == 2 * y.cols,
           "SwiGluForward: gate_up [T, 2F], y [T, F]");
  ParallelRows(pool_, y.rows, gate_up.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(ForwardRows)
    (gate_up.Rows(begin, end - begin), y.Rows(begin, end - begin));
  });
}

void CpuOps::SwiGluBackward(Tensor gate_up, Tensor dy, Tensor dgate_up) {
  R1_CHECK(gate_up.rows == dy.rows && gate_up.cols == 2 * dy.cols &&
               dgate_up.rows == dy.rows && dgate_up.cols == gate_up.cols,
           "SwiGluBackward: gate_up, dgate_up [T, 2F], dy [T, F]");
  ParallelRows(pool_, dy.rows, gate_up.cols, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(BackwardRows)
    (gate_up.Rows(begin, end - begin), dy.Rows(begin, end - begin),
     dgate_up.Rows(begin, end - begin));
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
