// Model folders in Hugging Face form: config.json, model.safetensors (or
// shards with an index), tokenizer.json, generation_config.json.
#ifndef R1_MODEL_CHECKPOINT_H_
#define R1_MODEL_CHECKPOINT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_config.h"
#include "model/param_set.h"
#include "model/tokenizer.h"

namespace r1 {

// A model at rest: what a folder holds.
struct ModelFolder {
  ModelConfig config;
  ParamSet params;
  std::shared_ptr<const Tokenizer> tokenizer;
};

// Reads any folder of a supported family; F32, F16 and BF16 on disk, one file
// or shards, tied or untied head.
// Errors: NotFound for a missing file, InvalidArgument for a model with another
// head than the caller can use, a tensor that is missing, extra or of another
// shape, or a vocabulary with more tokens than the model's vocabulary; the
// message names folder and tensor, expected and got.
absl::StatusOr<ModelFolder> LoadModelFolder(
    const std::string& path, ModelHead head = ModelHead::kVocabulary);

// Writes the model's files into the existing folder `path` (not atomic: write
// into a temporary folder and publish it, see base/file.h).
absl::Status WriteModelFolder(const std::string& path,
                              const ModelConfig& config, const ParamSet& params,
                              const Tokenizer& tokenizer);
// The same for a model that is read piece by piece.
absl::Status WriteModelFolder(const std::string& path,
                              const ModelConfig& config,
                              const ParamLayout& layout, ParamReader read,
                              const Tokenizer& tokenizer);

}  // namespace r1

#endif  // R1_MODEL_CHECKPOINT_H_
