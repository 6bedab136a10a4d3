// The weights of one policy version, packed for the matrix kernels.
#ifndef R1_MODEL_WEIGHTS_H_
#define R1_MODEL_WEIGHTS_H_

#include <vector>

#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/param_set.h"

namespace r1 {

// Packed matrices of one layer; the backward ones are empty in weights that
// only sample or score.
struct LayerWeights {
  PackedMatrix qkv, o, gate_up, down;
  PackedMatrix qkv_back, o_back, gate_up_back, down_back;
};

// Parameters plus their packed form. The trainer changes params() and calls
// Pack(); everyone else holds a const reference. Sampler and trainer of one
// process share one object, so a change may only happen while nothing samples.
// Threads: const methods from any thread; Pack and mutable_params exclusively.
class ModelWeights {
 public:
  // Takes the parameters; Pack must follow. `is_trained` also packs the
  // matrices that the backward pass reads.
  ModelWeights(const ModelConfig& config, ParamSet params, bool is_trained);

  const ModelConfig& config() const { return config_; }
  const ParamSet& params() const { return params_; }
  ParamSet& mutable_params() { return params_; }

  // Brings the packed matrices up to date with the parameters.
  void Pack(Ops* ops);

  const LayerWeights& layer(int l) const { return layers_[l]; }
  const PackedMatrix& head() const { return head_; }
  const PackedMatrix& head_back() const { return head_back_; }

 private:
  ModelConfig config_;
  ParamSet params_;
  bool is_trained_;
  std::vector<LayerWeights> layers_;
  PackedMatrix head_, head_back_;
};

}  // namespace r1

#endif  // R1_MODEL_WEIGHTS_H_
