// The files that hold a folder's weights: model.safetensors, or the shards that
// an index names.
#ifndef R1_MODEL_WEIGHT_FILES_H_
#define R1_MODEL_WEIGHT_FILES_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/safetensors.h"

namespace r1 {

inline constexpr char kWeightsFile[] = "model.safetensors";

// A tensor in one of several open files.
struct TensorSource {
  const SafetensorsFile* file = nullptr;
  const SafetensorsEntry* entry = nullptr;
};

struct WeightFiles {
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  std::map<std::string, TensorSource> tensors;  // by their names in the files
};

// As transformers does, takes from the index which files there are and from the
// files which tensors; where the two disagree, one line of the log says so.
// Errors: NotFound if there are no weights; InvalidArgument for pickled or GGUF
// weights, an index that is malformed or leaves the folder, and a tensor in two
// shards.
absl::StatusOr<WeightFiles> OpenWeightFiles(const std::string& folder);

}  // namespace r1

#endif  // R1_MODEL_WEIGHT_FILES_H_
