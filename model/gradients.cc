#include "model/gradients.h"

namespace r1 {

void Gradients::AddProduct(int tensor, Tensor dy, Tensor x, Ops* ops,
                           Scratch* scratch) const {
  if (are_of_all()) {
    ops->MatMulWeightGradient(dy, x, sums_->tensor(tensor));
    return;
  }
  const int a = lora_->AdapterOf(tensor), b = a + 1;
  if (a < 0) return;
  const Tensor thin = scratch->thin.Reserve(dy.rows, lora_->config().rank);
  ops->SetLinear({adapters_->tensor(a)}, &scratch->factor);
  ops->MatMul(x, scratch->factor, {}, thin);
  ops->Scale(lora_->scale(), thin);
  ops->MatMulWeightGradient(dy, thin, sums_->tensor(b));
  ops->SetLinear({adapters_->tensor(b)}, &scratch->factor);
  ops->MatMulTransposed(dy, scratch->factor, thin);
  ops->Scale(lora_->scale(), thin);
  ops->MatMulWeightGradient(thin, x, sums_->tensor(a));
}

}  // namespace r1
