#include "model/param_files.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {

std::vector<int64_t> ShapeOf(const TensorSpec& spec) {
  if (spec.cols == 0) return {spec.rows};
  return {spec.rows, spec.cols};
}

void AppendTensors(absl::string_view prefix, const ParamSet& params,
                   std::vector<SafetensorsTensor>* tensors) {
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    const TensorSpec& spec = params.layout().tensor(i);
    tensors->push_back(
        {absl::StrCat(prefix, spec.name), ShapeOf(spec), params.Elements(i)});
  }
}

absl::Status ReadTensor(const SafetensorsFile& file, const std::string& path,
                        absl::string_view prefix, const TensorSpec& spec,
                        absl::Span<float> out) {
  const std::string name = absl::StrCat(prefix, spec.name);
  const auto entry = file.entries().find(name);
  if (entry == file.entries().end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": tensor ", name, " is missing"));
  }
  uint64_t count = 1;
  for (int64_t extent : entry->second.shape) count *= extent;
  if (count != out.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": tensor ", name, " has ", count,
                     " elements, expected ", out.size()));
  }
  R1_RETURN_IF_ERROR(file.ReadFloat(entry->second, out));
  if (!AreFinite(out)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": tensor ", name, " holds a value that is not finite"));
  }
  return absl::OkStatus();
}

absl::Status ReadTensors(const SafetensorsFile& file, const std::string& path,
                         absl::string_view prefix, ParamSet* params) {
  for (size_t i = 0; i < params->layout().tensors().size(); ++i) {
    R1_RETURN_IF_ERROR(ReadTensor(
        file, path, prefix, params->layout().tensor(i), params->Elements(i)));
  }
  return absl::OkStatus();
}

}  // namespace r1
