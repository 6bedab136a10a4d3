#include "pipeline/stages/base_model.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "model/tokenizer_folder.h"
#include "pipeline/folder/model_path.h"
#include "proto/answer_length.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// Documents that the tokenizer of a new model is trained on: the merges of a
// vocabulary this small are settled long before.
constexpr uint64_t kTokenizerDocuments = 2000;

const char* ModelType(ModelFamily family) {
  switch (family) {
    case QWEN2:
      return "qwen2";
    case QWEN3:
      return "qwen3";
    default:
      return "llama";
  }
}

ModelConfig NewModelShape(const ModelSection& section) {
  ModelConfig config;
  config.model_type = ModelType(section.family());
  config.vocab_size = section.vocab_size();
  config.hidden_size = section.hidden_size();
  config.intermediate_size = section.intermediate_size();
  config.num_layers = section.num_layers();
  config.num_heads = section.num_heads();
  config.num_kv_heads = section.num_kv_heads();
  config.head_dim = section.head_dim() != 0
                        ? section.head_dim()
                        : section.hidden_size() / section.num_heads();
  config.rope_theta = section.rope_theta();
  config.max_positions = section.max_positions();
  config.tie_embeddings = section.tie_embeddings();
  return config;
}

absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& folder,
                                            ModelHead head) {
  const std::string path = folder + "/config.json";
  R1_ASSIGN_OR_RETURN(const std::string json, ReadFile(path));
  absl::StatusOr<ModelConfig> config = ModelConfigFromJson(json, head);
  R1_RETURN_IF_ERROR(Annotate(config.status(), path));
  return config;
}

absl::StatusOr<ModelFolder> NewModel(const StageConfig& config,
                                     const TextCorpus& corpus) {
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < kTokenizerDocuments; ++i) {
    Document document = corpus.At(i);
    texts.push_back(std::move(document.prompt));
    texts.push_back(std::move(document.completion));
  }
  // Long sums are worked digit by digit; Countdown's small numbers are learned
  // as facts, one token each.
  const bool single_digits = FirstTask(config).kind() == ARITHMETIC;
  R1_ASSIGN_OR_RETURN(
      Tokenizer tokenizer,
      TrainTokenizer(texts, config.model().vocab_size(), single_digits));
  ModelConfig model = NewModelShape(config.model());
  model.vocab_size = tokenizer.vocab_size();
  model.eos_token_ids = {tokenizer.SpecialId(kEndOfText)};
  ParamSet params(std::make_shared<const ParamLayout>(model));
  InitializeParams(config.seed(), &params);
  return ModelFolder{model, std::move(params),
                     std::make_shared<const Tokenizer>(std::move(tokenizer))};
}

}  // namespace

absl::StatusOr<ModelFolder> MakeBaseModel(const StageConfig& config,
                                          const TextCorpus* corpus) {
  if (config.model().path().empty()) {
    R1_CHECK(corpus != nullptr, "a new model has a corpus");
    return NewModel(config, *corpus);
  }
  R1_ASSIGN_OR_RETURN(const std::string path,
                      ResolveModelPath(config.model().path()));
  R1_ASSIGN_OR_RETURN(ModelFolder folder, LoadModelFolder(path));
  if (folder.config.eos_token_ids.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": config.json names no eos_token_id, so nothing "
                     "could end an answer: add it"));
  }
  const int64_t longest = MostNewTokens(config.rollout());
  if (config.has_rl() && folder.config.max_positions <= longest) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has a context of ", folder.config.max_positions,
                     " tokens, rollout.max_new_tokens = ", longest,
                     " leaves no room for a prompt: lower it"));
  }
  return folder;
}

absl::StatusOr<ModelConfig> BaseModelShape(const ModelSection& section) {
  if (section.path().empty()) return NewModelShape(section);
  R1_ASSIGN_OR_RETURN(const std::string folder,
                      ResolveModelPath(section.path()));
  return ReadModelConfig(folder, ModelHead::kVocabulary);
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(
    const std::string& folder, ModelHead head) {
  R1_ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(folder, head));
  R1_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                      ReadTokenizerFolder(folder, config.vocab_size));
  return std::make_shared<const Tokenizer>(std::move(tokenizer));
}

int32_t EndToken(const ModelConfig& config) {
  return config.eos_token_ids.front();
}

std::string DescribeSize(const ParamLayout& layout) {
  const double count = static_cast<double>(layout.count());
  if (count < 1e6) return absl::StrFormat("%.0f k parameters", count / 1e3);
  if (count < 1e7) return absl::StrFormat("%.2f M parameters", count / 1e6);
  if (count < 1e9) return absl::StrFormat("%.0f M parameters", count / 1e6);
  return absl::StrFormat("%.2f B parameters", count / 1e9);
}

}  // namespace r1
