// Scores and trains packed sequences: the transformer plus its head, of the
// vocabulary or of one score, on a batch without padding.
#ifndef R1_MODEL_PACKED_MODEL_H_
#define R1_MODEL_PACKED_MODEL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "model/transformer.h"

namespace r1 {

// Sequence s is rows [seq_offsets[s], seq_offsets[s + 1]) of tokens, from its
// position first_positions[s] on. Where that is not 0, the positions before are
// a prompt that it shares with its neighbours: the rows of the next sequence
// that begins at position 0. The head stands on the scored rows alone.
struct PackedTokens {
  std::vector<int32_t> tokens;           // [T]
  std::vector<int64_t> seq_offsets{0};   // [S + 1]
  std::vector<int64_t> first_positions;  // [S]
  std::vector<int32_t> scored_rows;      // [R]
  std::vector<int32_t> targets;  // [R], what each predicts; not for Scores

  // Sequences with one prompt may be spread over batches, each of which has the
  // prompt: it is the last of one batch and the first of the next.
  bool continues_prompt = false;  // the first prompt's sequences go on here
  bool leaves_prompt = false;     // the last prompt's go on in the next batch

  // Appends one sequence whose tokens from `first_scored` on (>= 1) are scored.
  void Append(absl::Span<const int32_t> sequence, int64_t first_scored);
  // Appends one sequence of which the row at `position` is scored.
  void AppendWithRow(absl::Span<const int32_t> sequence, int64_t position);
  // Appends sequences that begin with the same `prompt` tokens (>= 1), of which
  // there is one copy, after all of them. The other tokens are scored, sequence
  // by sequence; the last of each predicts nothing and has no row.
  void AppendGroup(absl::Span<const absl::Span<const int32_t>> sequences,
                   int64_t prompt);
};

// Threads: one caller at a time.
class PackedModel {
 public:
  PackedModel(const ModelConfig& config, Ops* ops, Keep keep = Keep::kAll)
      : ops_(ops),
        transformer_(config, ops),
        on_device_(ops->MakeBatch()),
        trained_(ops->MakeBatch()),
        cache_(ops->device()),
        saved_(keep, ops->device()),
        arena_(ops->device()),
        prompt_dhidden_(ops->device()) {}

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
  // gradient is known beforehand skips Logprobs. What a batch owes to a prompt
  // that it leaves is kept for the next one, which continues it. The sums run
  // in the order of rows, so where batches are cut does not change their bits
  // on the CPU (kernels/cuda/README.md says where it does on a GPU).
  // For a head tied to the embedding that needs a `dembedding` [V, C] apart,
  // for the caller to add at last; empty: it is in `grads`.
  void Backward(const PolicyWeights& weights, float temperature,
                absl::Span<const float> dlogprobs,
                absl::Span<const float> dentropies, Gradients grads,
                absl::Span<float> logprobs, absl::Span<float> entropies,
                Tensor dembedding = Tensor());

  // The same for a reward model: the scored rows' hidden states times
  // score.weight, [R]; and the gradient, given d loss / d score.
  void Scores(const PolicyWeights& weights, absl::Span<float> scores);
  void BackwardScores(const PolicyWeights& weights,
                      absl::Span<const float> dscores, Gradients grads);

 private:
  void LayOut(const ModelConfig& config);
  // The first `rows` rows, which are whole sequences.
  HostBatch Batch(int64_t rows) const;
  // The prompt of the batch's first group.
  const SequenceRows& FirstPrompt() const;
  // Values of the scored rows [1, R], there and back. The host may leave them
  // out: an empty span is an empty tensor.
  Tensor Upload(absl::Span<const float> values);
  void Download(Tensor from, absl::Span<float> values);
  // From the gradient of the scored rows on, [R, C].
  void BackwardFromScored(const PolicyWeights& weights, Tensor dscored,
                          Gradients grads, Tensor dembedding);

  Ops* ops_;
  Transformer transformer_;
  const PackedTokens* batch_ = nullptr;
  std::vector<int32_t> positions_, page_ids_;
  std::vector<SequenceRows> sequences_, copies_;
  std::unique_ptr<DeviceBatch> on_device_;
  std::unique_ptr<DeviceBatch> trained_;  // without a prompt that it leaves
  KvCache cache_;
  Activations saved_;
  Arena arena_;
  Tensor scored_;  // [R, C], hidden states of the scored rows, in the arena
  PrefixSums prompt_sums_;
  Buffer prompt_dhidden_;  // [1, C], of the prompt's last row
};

}  // namespace r1

#endif  // R1_MODEL_PACKED_MODEL_H_
