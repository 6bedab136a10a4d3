// The keys that say how a model is computed, in the terms of model and kernels.
#ifndef R1_PIPELINE_FOLDER_COMPUTE_KEYS_H_
#define R1_PIPELINE_FOLDER_COMPUTE_KEYS_H_

#include <optional>

#include "kernels/dtype.h"
#include "model/lora.h"
#include "model/transformer.h"
#include "proto/config.pb.h"

namespace r1 {

inline DType WeightsDtypeOf(const StageConfig& config) {
  return config.dtype() == BF16 ? DType::kBF16 : DType::kF32;
}

inline Keep KeepOf(const StageConfig& config) {
  switch (config.keep()) {
    case ALL:
      return Keep::kAll;
    case NO_GATE_UP:
      return Keep::kNoGateUp;
    case LAYER_INPUTS:
      return Keep::kLayerInputs;
  }
  return Keep::kAll;
}

// Nothing where all parameters are trained.
inline std::optional<LoraConfig> LoraOf(const StageConfig& config) {
  if (!config.has_lora()) return std::nullopt;
  const LoraSection& lora = config.lora();
  return LoraConfig{lora.rank(),
                    lora.alpha(),
                    {lora.targets().begin(), lora.targets().end()}};
}

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_COMPUTE_KEYS_H_
