// Where the backward pass leaves the gradient: of all parameters, or of the
// adapters of a model that is not trained itself.
#ifndef R1_MODEL_GRADIENTS_H_
#define R1_MODEL_GRADIENTS_H_

#include "kernels/buffer.h"
#include "kernels/linear.h"
#include "kernels/ops.h"
#include "model/lora.h"
#include "model/param_set.h"

namespace r1 {

// A view: whoever makes it owns the sums, which are added to in packed order.
// Tensors are those of the model.
class Gradients {
 public:
  // Of all parameters, in the model's layout. Implicit: such sums are one.
  Gradients(ParamSet* all) : sums_(all) {}
  // Of the adapters, in the layout of `lora`; `adapters` are their values.
  Gradients(const Lora* lora, const ParamSet* adapters, ParamSet* sums)
      : sums_(sums), lora_(lora), adapters_(adapters) {}

  // Whether there are tensors that are trained as they are.
  bool are_of_all() const { return lora_ == nullptr; }
  // The gradient of such a tensor; empty if it has none.
  Tensor tensor(int index) const {
    return are_of_all() ? sums_->tensor(index) : Tensor();
  }

  // Memory that lasts from call to call.
  struct Scratch {
    explicit Scratch(Device* device) : thin(device) {}
    Buffer thin;    // [T, rank]
    Linear factor;  // A or B
  };
  // Adds the gradient of a matrix W of y = x W^T: dy^T x, or with W = W0 + s B
  // A that of the adapters, which needs no product as large as W:
  //   dB += dy^T (s x A^T),  dA += (s dy B)^T x.
  // Shapes: dy [T, out], x [T, in].
  void AddProduct(int tensor, Tensor dy, Tensor x, Ops* ops,
                  Scratch* scratch) const;

 private:
  ParamSet* sums_;
  const Lora* lora_ = nullptr;
  const ParamSet* adapters_ = nullptr;
};

}  // namespace r1

#endif  // R1_MODEL_GRADIENTS_H_
