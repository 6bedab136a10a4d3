#include "model/param_files.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {

std::vector<int64_t> ShapeOf(const TensorSpec& spec) {
  if (spec.cols == 0) return {spec.rows};
  return {spec.rows, spec.cols};
}

void AppendTensors(absl::string_view prefix, const ParamLayout& layout,
                   ParamReader read, std::vector<SafetensorsTensor>* tensors) {
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const TensorSpec& spec = layout.tensor(i);
    tensors->push_back({absl::StrCat(prefix, spec.name), ShapeOf(spec),
                        [read, i](int64_t begin, absl::Span<float> out) {
                          read(i, begin, out);
                        }});
  }
}

absl::Status ReadTensors(
    const SafetensorsFile& file, const std::string& path,
    absl::string_view prefix, const ParamLayout& layout,
    absl::FunctionRef<void(int index, absl::Span<const float> values)> take) {
  std::vector<float> values;
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const std::string name = absl::StrCat(prefix, layout.tensor(i).name);
    const auto entry = file.entries().find(name);
    if (entry == file.entries().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": tensor ", name, " is missing"));
    }
    values.resize(layout.tensor(i).count());
    uint64_t count = 1;
    for (int64_t extent : entry->second.shape) count *= extent;
    if (count != values.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": tensor ", name, " has ", count,
                       " elements, expected ", values.size()));
    }
    R1_RETURN_IF_ERROR(file.ReadFloat(entry->second, absl::MakeSpan(values)));
    if (!AreFinite(values)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": tensor ", name, " holds a value that is not finite"));
    }
    take(i, values);
  }
  return absl::OkStatus();
}

absl::Status ReadTensors(const SafetensorsFile& file, const std::string& path,
                         absl::string_view prefix, ParamSet* params) {
  return ReadTensors(file, path, prefix, params->layout(),
                     [&](int index, absl::Span<const float> values) {
                       params->Write(index, 0, values);
                     });
}

}  // namespace r1
