#include "judge/reward_model.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learner/packing.h"
#include "model/tokenizer_config.h"

namespace r1 {
namespace {

// -1: none.
absl::StatusOr<int32_t> PadToken(const Tokenizer& tokenizer,
                                 const ModelConfig& config) {
  R1_ASSIGN_OR_RETURN(const TokenizerConfig files,
                      ReadTokenizerConfig(tokenizer.files()));
  const int32_t pad = tokenizer.SpecialId(files.Token("pad_token"));
  if (pad >= 0 && pad < config.vocab_size) return pad;
  return config.eos_token_ids.empty() ? -1 : config.eos_token_ids[0];
}

}  // namespace

absl::StatusOr<ModelFolder> LoadRewardModel(const std::string& path) {
  return LoadModelFolder(path, ModelHead::kScore);
}

absl::StatusOr<ModelFolder> StartRewardModel(ModelFolder model) {
  if (model.config.head == ModelHead::kScore) return model;
  ModelConfig config = model.config;
  config.head = ModelHead::kScore;
  R1_ASSIGN_OR_RETURN(config.pad_token_id, PadToken(*model.tokenizer, config));
  ParamSet params(std::make_shared<const ParamLayout>(config));
  const ParamLayout& from = model.params.layout();
  for (int i = 0; i < static_cast<int>(params.layout().tensors().size()); ++i) {
    if (i == params.layout().head()) continue;
    const int source = from.Find(params.layout().tensor(i).name);
    params.Write(i, 0, model.params.Read(source));
  }
  return ModelFolder{std::move(config), std::move(params),
                     std::move(model.tokenizer)};
}

int64_t ScoredPosition(absl::Span<const int32_t> tokens,
                       const ModelConfig& config) {
  for (int64_t i = tokens.size(); i-- > 0;) {
    if (tokens[i] != config.pad_token_id) return i;
  }
  return 0;
}

absl::Status CheckScorable(absl::Span<const int32_t> tokens,
                           const ModelConfig& config) {
  if (tokens.empty()) {
    return absl::InvalidArgumentError("there are no tokens to judge");
  }
  if (static_cast<int64_t>(tokens.size()) > config.max_positions) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has ", tokens.size(), " tokens, more than the reward model's context ",
        "of ", config.max_positions));
  }
  for (int32_t token : tokens) {
    if (token >= 0 && token < config.vocab_size) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("token ", token, " is outside the reward model's ",
                     "vocabulary of ", config.vocab_size));
  }
  return absl::OkStatus();
}

std::vector<float> SequenceScorer::Score(
    const PolicyWeights& weights,
    absl::Span<const std::vector<int32_t>> sequences) {
  std::vector<int64_t> lengths;
  for (const auto& tokens : sequences) lengths.push_back(tokens.size());
  std::vector<float> scores(sequences.size());
  for (IndexRange range :
       CutIntoMicrobatches(lengths, kJudgeMicrobatchTokens)) {
    PackedTokens batch;
    for (int i = range.begin; i < range.end; ++i) {
      batch.AppendWithRow(sequences[i],
                          ScoredPosition(sequences[i], weights.config()));
    }
    model_.Forward(weights, batch, /*keep_activations=*/false);
    model_.Scores(weights, absl::MakeSpan(scores).subspan(
                               range.begin, range.end - range.begin));
  }
  return scores;
}

}  // namespace r1
