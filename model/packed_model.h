// Scores and trains packed sequences: the transformer plus its head, of the
// vocabulary or of one score, on a batch without padding.
#ifndef R1_MODEL_PACKED_MODEL_H_
#define R1_MODEL_PACKED_MODEL_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/transformer.h"

namespace r1 {

// Sequence s is rows [seq_offsets[s], seq_offsets[s + 1]) of tokens, from its
// position 0. The head stands on the scored rows alone. That of the vocabulary
// predicts tokens[r + 1] of the same sequence from row r.
struct PackedTokens {
  std::vector<int32_t> tokens;             // [T]
  std::vector<int64_t> seq_offsets = {0};  // [S + 1]
  std::vector<int32_t> scored_rows;        // [R], ascending

  // Appends one sequence whose tokens from `first_scored` on (>= 1) are scored.
  void Append(absl::Span<const int32_t> sequence, int64_t first_scored);
  // Appends one sequence of which the row at `position` is scored.
  void AppendWithRow(absl::Span<const int32_t> sequence, int64_t position);
};

// Threads: one caller at a time.
class PackedModel {
 public:
  PackedModel(const ModelConfig& config, Ops* ops)
      : transformer_(config, ops) {}

  // Runs the transformer over the batch. With keep_activations, Backward may
  // follow. The batch must stay alive and unchanged until then.
  void Forward(const PolicyWeights& weights, const PackedTokens& batch,
               bool keep_activations);

  // Of the last Forward: log-prob and entropy (nats; or empty) of the scored
  // rows under softmax(logits / temperature). Shapes: [R].
  void Logprobs(const PolicyWeights& weights, float temperature,
                absl::Span<float> logprobs, absl::Span<float> entropies);

  // Of the last Forward: adds the gradient of all parameters to `grads`, given
  // d loss / d logprob and d loss / d entropy (or empty) of the scored rows.
  // Also returns logprobs and entropies (each may be empty), so a loss whose
  // gradient is known beforehand skips Logprobs.
  void Backward(const PolicyWeights& weights, float temperature,
                absl::Span<const float> dlogprobs,
                absl::Span<const float> dentropies, ParamSet* grads,
                absl::Span<float> logprobs, absl::Span<float> entropies);

  // The same for a reward model: the scored rows' hidden states times
  // score.weight, [R]; and the gradient, given d loss / d score.
  void Scores(const PolicyWeights& weights, absl::Span<float> scores);
  void BackwardScores(const PolicyWeights& weights,
                      absl::Span<const float> dscores, ParamSet* grads);

 private:
  TokenBatch Batch() const;
  // [R, C]: hidden states of the scored rows, and their gradient.
  Mat Scored();
  Mat DScored();
  // From the gradient of the scored rows on, DScored().
  void BackwardFromScored(const PolicyWeights& weights, ParamSet* grads);

  Transformer transformer_;
  const PackedTokens* batch_ = nullptr;
  std::vector<int32_t> positions_, targets_, page_ids_;
  std::vector<SequenceRows> sequences_;
  KvCache cache_;
  Activations saved_;
  Buffer hidden_, scored_, dscored_;
};

}  // namespace r1

#endif  // R1_MODEL_PACKED_MODEL_H_
