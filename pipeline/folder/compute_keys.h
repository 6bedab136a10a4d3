// The keys that say how a model is computed, in the terms of model and kernels.
#ifndef R1_PIPELINE_FOLDER_COMPUTE_KEYS_H_
#define R1_PIPELINE_FOLDER_COMPUTE_KEYS_H_

#include "kernels/dtype.h"
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

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_COMPUTE_KEYS_H_
