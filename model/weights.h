// The weights of one policy version, as the kernels read them.
#ifndef R1_MODEL_WEIGHTS_H_
#define R1_MODEL_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "kernels/buffer.h"
#include "kernels/linear.h"
#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/param_set.h"

namespace r1 {

// One layer. What a family does not have is empty.
struct LayerWeights {
  Linear qkv, o, gate_up, down;
  Tensor input_norm, qkv_bias, q_norm, k_norm, post_norm;  // [1, n]
};

// What samples, scores and is trained with: the values of a ParamSet without
// the ParamSet; those of matrices rounded to config.weights_dtype, so that all
// who compute with a version compute with the same numbers. Filled in by its
// one owner, then published as shared_ptr<const PolicyWeights> and never
// changed again; whoever computes with it holds it. Threads: const methods from
// any thread, the others exclusively.
class PolicyWeights {
 public:
  // The values are undefined until they are assigned.
  PolicyWeights(const ModelConfig& config, Device* device);
  PolicyWeights(const PolicyWeights&) = delete;
  PolicyWeights& operator=(const PolicyWeights&) = delete;

  // Takes over the values of `params`, which have this model's layout.
  void Assign(const ParamSet& params, Ops* ops);

  const ModelConfig& config() const { return config_; }
  Device* device() const { return vectors_.device(); }
  const ParamLayout& layout() const { return layout_; }

  // [V, C]; the head itself if they are tied.
  const Linear& embedding() const {
    return layout_.embedding() == layout_.head() ? head_ : embedding_;
  }
  const LayerWeights& layer(int l) const { return layers_[l]; }
  Tensor final_norm() const { return final_norm_; }
  // [V, C], or [1, C] of a reward model.
  const Linear& head() const { return head_; }

  // Elements [begin, begin + size) of tensor `index` of layout(), in row-major
  // order; one thread.
  void Read(int index, int64_t begin, absl::Span<float> out) const;
  void Write(int index, int64_t begin, absl::Span<const float> values);

 private:
  // Where a tensor is: rows of a matrix from `row` on, or a vector.
  struct Place {
    Linear* matrix = nullptr;
    int64_t row = 0;
    Tensor vector;
  };
  void PlaceMatrix(absl::Span<const int> tensors, Linear* matrix);
  Tensor PlaceVector(absl::Span<const int> tensors, int64_t* next);

  const ModelConfig config_;
  const ParamLayout layout_;
  std::vector<LayerWeights> layers_;
  Linear embedding_, head_;
  Tensor final_norm_;
  Buffer vectors_;
  std::vector<Place> places_;  // by tensor
};

// A version that holds the values of `params`.
std::shared_ptr<const PolicyWeights> MakePolicyWeights(
    const ModelConfig& config, const ParamSet& params, Ops* ops);

// Identity of a version among those of a run: a SHA-256 tree, so that all
// threads of `ops` work on it. For each tensor in ascending order of name the
// root covers "name rows cols\n" and the digests of its values in leaves of
// 64 KiB, little-endian fp32. Lower-case hex. A function of the values alone.
std::string HashWeights(const PolicyWeights& weights, Ops* ops);

// Memory of the versions of one policy. That of a version which nobody holds
// any more serves the next: a learner whose samplers have let go of the old
// weights needs no second copy of them.
// Threads: safe from any thread.
class WeightSlots {
 public:
  WeightSlots(const ModelConfig& config, Device* device);

  // A version to fill in, with undefined values; nobody else holds it.
  std::shared_ptr<PolicyWeights> Next();

 private:
  struct Unused;
  ModelConfig config_;
  Device* device_;
  std::shared_ptr<Unused> unused_;  // also held by all versions
};

}  // namespace r1

#endif  // R1_MODEL_WEIGHTS_H_
