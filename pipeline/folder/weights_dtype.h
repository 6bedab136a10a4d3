// The key "dtype" in the terms of the kernels.
#ifndef R1_PIPELINE_FOLDER_WEIGHTS_DTYPE_H_
#define R1_PIPELINE_FOLDER_WEIGHTS_DTYPE_H_

#include "kernels/dtype.h"
#include "proto/config.pb.h"

namespace r1 {

inline DType WeightsDtypeOf(const StageConfig& config) {
  return config.dtype() == BF16 ? DType::kBF16 : DType::kF32;
}

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_WEIGHTS_DTYPE_H_
