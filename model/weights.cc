#include "model/weights.h"

#include <utility>

namespace r1 {

ModelWeights::ModelWeights(const ModelConfig& config, ParamSet params,
                           bool is_trained)
    : config_(config),
      params_(std::move(params)),
      is_trained_(is_trained),
      layers_(config.num_layers) {}

void ModelWeights::Pack(Ops* ops) {
  const ParamSet& params = params_;
  const auto pack = [&](absl::Span<const int> tensors, PackedMatrix* forward,
                        PackedMatrix* backward) {
    std::vector<ConstMat> parts;
    for (int tensor : tensors) parts.push_back(params.Matrix(tensor));
    ops->Pack(parts, PackOrder::kForward, forward);
    if (is_trained_) ops->Pack(parts, PackOrder::kBackward, backward);
  };
  for (int l = 0; l < config_.num_layers; ++l) {
    const LayerTensors& t = params.layout().layer(l);
    LayerWeights& w = layers_[l];
    pack({t.q, t.k, t.v}, &w.qkv, &w.qkv_back);
    pack({t.o}, &w.o, &w.o_back);
    pack({t.gate, t.up}, &w.gate_up, &w.gate_up_back);
    pack({t.down}, &w.down, &w.down_back);
  }
  pack({params.layout().head()}, &head_, &head_back_);
}

}  // namespace r1
