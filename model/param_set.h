// The parameters of one model: one flat fp32 buffer with named tensors. The
// same layout serves weights, gradients and optimizer moments.
#ifndef R1_MODEL_PARAM_SET_H_
#define R1_MODEL_PARAM_SET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/buffer.h"
#include "kernels/tensor.h"
#include "model/model_config.h"

namespace r1 {

struct TensorSpec {
  std::string name;  // Hugging Face name, e.g. "model.norm.weight"
  int64_t rows = 0;
  int64_t cols = 0;         // 0 for a vector of `rows` elements
  int64_t offset = 0;       // first element in the flat buffer
  bool is_decayed = false;  // weight decay applies (matrices only)

  int64_t count() const { return cols == 0 ? rows : rows * cols; }
};

// Indices of one layer's tensors in ParamLayout::tensors(); -1 = absent.
struct LayerTensors {
  int input_norm, q, k, v, q_bias, k_bias, v_bias, q_norm, k_norm, o;
  int post_norm, gate, up, down;
};

// Names, shapes and order of all tensors: a function of ModelConfig alone,
// unless they are given.
// A tied head has no tensor of its own: head() == embedding(). A reward model's
// is "score.weight" [1, C].
// Threads: immutable.
class ParamLayout {
 public:
  explicit ParamLayout(const ModelConfig& config);
  // Of tensors that are not a model's own, in this order: their names, rows and
  // columns. Has no layers, embedding, norm or head.
  explicit ParamLayout(absl::Span<const TensorSpec> tensors);

  absl::Span<const TensorSpec> tensors() const { return tensors_; }
  const TensorSpec& tensor(int index) const { return tensors_[index]; }
  // -1 if there is no such tensor.
  int Find(absl::string_view name) const;
  const LayerTensors& layer(int l) const { return layers_[l]; }
  int embedding() const { return embedding_; }
  int final_norm() const { return final_norm_; }
  int head() const { return head_; }
  // Elements of the flat buffer.
  int64_t count() const { return count_; }
  // Indices of all tensors in ascending order of name.
  std::vector<int> ByName() const;

 private:
  int Add(std::string name, int64_t rows, int64_t cols);

  std::vector<TensorSpec> tensors_;
  std::vector<LayerTensors> layers_;
  int embedding_ = -1, final_norm_ = -1, head_ = -1;
  int64_t count_ = 0;
};

// Reading and writing elements is for what comes from and goes to files; what
// computes uses the tensors. Threads: as a plain array.
class ParamSet {
 public:
  // All zero; in the memory of the host unless a device is given.
  explicit ParamSet(std::shared_ptr<const ParamLayout> layout,
                    Device* device = CpuDevice())
      : layout_(std::move(layout)), buffer_(device, layout_->count()) {}

  const ParamLayout& layout() const { return *layout_; }
  const std::shared_ptr<const ParamLayout>& shared_layout() const {
    return layout_;
  }
  Device* device() const { return buffer_.device(); }
  // All elements, with the zeros between tensors: [1, count].
  Tensor flat() const { return buffer_.Matrix(1, layout_->count()); }
  // A matrix [rows, cols] or a vector [1, n]; empty for index -1.
  Tensor tensor(int index) const {
    if (index < 0) return Tensor();
    const TensorSpec& t = layout_->tensor(index);
    const Tensor elements = flat().Cols(t.offset, t.count());
    if (t.cols == 0) return elements;
    return {elements.at, elements.dtype, t.rows, t.cols, t.cols};
  }
  // Elements [begin, begin + size) of a tensor in row-major order.
  void Read(int index, int64_t begin, absl::Span<float> out) const {
    device()->Read(tensor(index), begin, out);
  }
  void Write(int index, int64_t begin, absl::Span<const float> values) {
    device()->Write(values, begin, tensor(index));
  }
  // All of them.
  std::vector<float> Read(int index) const;
  // The same values in the memory of `device`; this one's if they are there.
  ParamSet MovedTo(Device* device) &&;

 private:
  std::shared_ptr<const ParamLayout> layout_;
  Buffer buffer_;
};

// Random initial weights: normal with standard deviation 0.02, output
// projections (o, down) scaled by 1 / sqrt(2 L) (GPT-2), norms 1, biases 0.
// A function of (layout, seed).
void InitializeParams(uint64_t seed, ParamSet* params);

// Whether no value is infinite or NaN.
bool AreFinite(absl::Span<const float> values);

// Gives elements [begin, begin + size) of tensor `index` of a layout. So a
// model can be written or hashed that is nowhere as a whole.
using ParamReader =
    absl::FunctionRef<void(int index, int64_t begin, absl::Span<float> out)>;

// SHA-256 over the tensors by logical name: for each tensor in ascending order
// of name, "name rows cols\n" and its little-endian fp32 bytes. Lower-case hex.
std::string HashParams(const ParamSet& params);
std::string HashParams(const ParamLayout& layout, ParamReader read);

}  // namespace r1

#endif  // R1_MODEL_PARAM_SET_H_
