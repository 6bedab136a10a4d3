// LoRA (Hu et al. 2021, arXiv 2106.09685): of each chosen matrix W0 of a model
// only a product of two thin ones is trained, W = W0 + (alpha / rank) B A, and
// whoever samples, scores or trains computes with the sum.
#ifndef R1_MODEL_LORA_H_
#define R1_MODEL_LORA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/param_set.h"
#include "model/weights.h"

namespace r1 {

struct LoraConfig {
  int64_t rank = 16;
  float alpha = 32;
  std::vector<std::string> targets;  // names of LoraTargets()
};

// The matrices of a layer that can have adapters, by PEFT's names: "q_proj", …
absl::Span<const absl::string_view> LoraTargets();

// Whether such a matrix is one of the targets.
bool IsLoraTarget(const TensorSpec& tensor,
                  const std::vector<std::string>& targets);

// Errors: InvalidArgument for a target of another name, a rank that exceeds
// the smaller side of a target in a model of this shape, and alpha <= 0.
absl::Status CheckLora(const LoraConfig& config, const ModelConfig& model);

// A model that is not trained itself, W0, and where its adapters are.
// Threads: immutable.
class Lora {
 public:
  // W0 has the values of `params`; it is held in bf16 if those of all matrices
  // are bf16 numbers, which checkpoints often are. `config` passes CheckLora.
  Lora(const LoraConfig& config, const ModelConfig& model,
       const ParamSet& params, Ops* ops);

  const LoraConfig& config() const { return config_; }
  const std::shared_ptr<const PolicyWeights>& base() const { return base_; }
  float scale() const { return config_.alpha / config_.rank; }

  // Names (PEFT's) and shapes of the adapters: of each target A [rank, in],
  // then B [out, rank]. Layout of their values, gradients and moments.
  const std::shared_ptr<const ParamLayout>& layout() const { return layout_; }
  // The index there of A of the model's tensor `tensor`, before that of B; -1
  // if it has no adapter.
  int AdapterOf(int tensor) const { return adapters_[tensor]; }

  // B = 0, and A uniform in +-1 / sqrt(in) as PEFT's: a function of seed and
  // name. So the sum is W0, to the bit.
  ParamSet InitialAdapters(uint64_t seed) const;

  // Elements [begin, begin + size) of the sum in row-major order, in fp32: a
  // function of W0, A and B alone, the same on every machine. One thread. A
  // tensor without an adapter is W0's.
  void ReadSum(const ParamSet& adapters, int tensor, int64_t begin,
               absl::Span<float> out) const;

  // Makes all of `weights` the sum, rounded to its dtype.
  void Merge(const ParamSet& adapters, Ops* ops, PolicyWeights* weights) const;

 private:
  const LoraConfig config_;
  std::shared_ptr<const PolicyWeights> base_;
  std::shared_ptr<const ParamLayout> layout_;
  std::vector<int> adapters_;  // by tensor of the model
};

}  // namespace r1

#endif  // R1_MODEL_LORA_H_
