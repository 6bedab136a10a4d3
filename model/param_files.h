// The tensors of parameters, or of what has their layout, in a safetensors
// file.
#ifndef R1_MODEL_PARAM_FILES_H_
#define R1_MODEL_PARAM_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/param_set.h"
#include "model/safetensors.h"

namespace r1 {

// [rows], or [rows, cols] of a matrix.
std::vector<int64_t> ShapeOf(const TensorSpec& spec);

// All tensors of `params`, named with a prefix; they are views.
void AppendTensors(absl::string_view prefix, const ParamSet& params,
                   std::vector<SafetensorsTensor>* tensors);

// The tensor `spec`, named with a prefix, of the file at `path`.
// Errors: those of ReadFloat; InvalidArgument for a tensor that is missing, has
// another number of elements or one that is not finite.
absl::Status ReadTensor(const SafetensorsFile& file, const std::string& path,
                        absl::string_view prefix, const TensorSpec& spec,
                        absl::Span<float> out);

// All tensors of `params`. Errors: as ReadTensor.
absl::Status ReadTensors(const SafetensorsFile& file, const std::string& path,
                         absl::string_view prefix, ParamSet* params);

}  // namespace r1

#endif  // R1_MODEL_PARAM_FILES_H_
