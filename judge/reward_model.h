// A reward model: a decoder whose head gives a text one score, the final norm's
// output at the text's last token times score.weight [1, C]. Its folder is what
// transformers' classes ...ForSequenceClassification write with one label.
#ifndef R1_JUDGE_REWARD_MODEL_H_
#define R1_JUDGE_REWARD_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/checkpoint.h"
#include "model/packed_model.h"

namespace r1 {

// Tokens per forward (and backward): bounds the memory of activations.
inline constexpr int64_t kJudgeMicrobatchTokens = 4096;

// Reads a reward model; WriteModelFolder writes one.
// Errors: as LoadModelFolder; InvalidArgument for a folder without the head.
absl::StatusOr<ModelFolder> LoadRewardModel(const std::string& path);

// A reward model that starts as this model with a head of zeros: every text
// scores 0. One that is a reward model already stays as it is. Padding is the
// tokenizer's pad token, else the end token, as the tokenizer's files say it to
// transformers.
// Errors: of the tokenizer's files.
absl::StatusOr<ModelFolder> StartRewardModel(ModelFolder model);

// The row that is scored: of the last token that is no padding, 0 if there is
// none. As transformers finds it.
int64_t ScoredPosition(absl::Span<const int32_t> tokens,
                       const ModelConfig& config);

// Whether the model can score the tokens.
// Errors: InvalidArgument for none, for more than its context or for one
// outside its vocabulary.
absl::Status CheckScorable(absl::Span<const int32_t> tokens,
                           const ModelConfig& config);

// Threads: one caller at a time.
class SequenceScorer {
 public:
  SequenceScorer(const ModelConfig& config, Ops* ops) : model_(config, ops) {}

  // The score of each sequence, [S]; all are scorable. A sequence's score has
  // the same bits alone, in any batch and for any number of threads. Memory is
  // bounded by kJudgeMicrobatchTokens or the longest sequence.
  std::vector<float> Score(const PolicyWeights& weights,
                           absl::Span<const std::vector<int32_t>> sequences);

 private:
  PackedModel model_;
};

}  // namespace r1

#endif  // R1_JUDGE_REWARD_MODEL_H_
