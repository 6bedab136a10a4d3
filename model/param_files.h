// The tensors of parameters, or of what has their layout, in a safetensors
// file.
#ifndef R1_MODEL_PARAM_FILES_H_
#define R1_MODEL_PARAM_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/param_set.h"
#include "model/safetensors.h"

namespace r1 {

// [rows], or [rows, cols] of a matrix.
std::vector<int64_t> ShapeOf(const TensorSpec& spec);

// All tensors of `layout`, named with a prefix. They are views: what `read`
// refers to must last.
void AppendTensors(absl::string_view prefix, const ParamLayout& layout,
                   ParamReader read, std::vector<SafetensorsTensor>* tensors);

// Hands the tensors of `layout`, which are named with a prefix in the file at
// `path`, to `take`, one after the other.
// Errors: those of ReadFloat; InvalidArgument for a tensor that is missing, has
// another number of elements or one that is not finite.
absl::Status ReadTensors(
    const SafetensorsFile& file, const std::string& path,
    absl::string_view prefix, const ParamLayout& layout,
    absl::FunctionRef<void(int index, absl::Span<const float> values)> take);

// The same into `params`.
absl::Status ReadTensors(const SafetensorsFile& file, const std::string& path,
                         absl::string_view prefix, ParamSet* params);

}  // namespace r1

#endif  // R1_MODEL_PARAM_FILES_H_
