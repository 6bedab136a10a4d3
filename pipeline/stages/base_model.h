// The model that the first stages start from.
#ifndef R1_PIPELINE_STAGES_BASE_MODEL_H_
#define R1_PIPELINE_STAGES_BASE_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint.h"
#include "pipeline/stages/examples.h"
#include "proto/config.pb.h"

namespace r1 {

// The folder config.model().path(), or without one a new model: random weights
// of the configured shape, and a tokenizer trained on the first documents of
// `corpus` (not null then). A function of the configuration and the data.
// Errors: those of LoadModelFolder; InvalidArgument for a model without an end
// token or with a context too short for rollout.max_new_tokens.
absl::StatusOr<ModelFolder> MakeBaseModel(const StageConfig& config,
                                          const TextCorpus* corpus);

// The shape of that model, without its weights; of a new one with the
// vocabulary that is asked for. Errors: those of reading config.json.
absl::StatusOr<ModelConfig> BaseModelShape(const ModelSection& section);

// The tokenizer of a model folder.
absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(
    const std::string& folder, ModelHead head = ModelHead::kVocabulary);

// The token that ends a text.
int32_t EndToken(const ModelConfig& config);

// "0.94 M parameters", "135 M parameters".
std::string DescribeSize(const ParamLayout& layout);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_BASE_MODEL_H_
