#include "model/gradients.h"

namespace r1 {
namespace {

// scratch->factor = scale * values.
void SetScaled(float scale, ConstMat values, Ops* ops,
               Gradients::Scratch* scratch) {
  const int64_t count = values.rows * values.cols;
  scratch->scaled.Reserve(count);
  float* const scaled = scratch->scaled.data();
  for (int64_t i = 0; i < count; ++i) scaled[i] = scale * values.data[i];
  ops->SetLinear({ConstMat(scaled, values.rows, values.cols)},
                 &scratch->factor);
}

}  // namespace

void Gradients::AddProduct(int tensor, ConstMat dy, ConstMat x, Ops* ops,
                           Scratch* scratch) const {
  if (are_of_all()) {
    ops->MatMulWeightGradient(dy, x, sums_->Matrix(tensor));
    return;
  }
  const int adapter = lora_->AdapterOf(tensor);
  if (adapter < 0) return;
  const int64_t rank = lora_->config().rank;
  scratch->thin.Reserve(dy.rows * rank);
  const Mat thin(scratch->thin.data(), dy.rows, rank);
  SetScaled(lora_->scale(), adapters_->Matrix(adapter), ops, scratch);
  ops->MatMul(x, scratch->factor, {}, thin);
  ops->MatMulWeightGradient(dy, thin, sums_->Matrix(adapter + 1));
  SetScaled(lora_->scale(), adapters_->Matrix(adapter + 1), ops, scratch);
  ops->MatMulTransposed(dy, scratch->factor, thin);
  ops->MatMulWeightGradient(thin, x, sums_->Matrix(adapter));
}

}  // namespace r1
