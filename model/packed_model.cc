#include "model/packed_model.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace r1 {

void PackedTokens::Append(absl::Span<const int32_t> sequence,
                          int64_t first_scored) {
  R1_CHECK(first_scored >= 1, "the first token has no prediction");
  const int64_t begin = tokens.size();
  tokens.insert(tokens.end(), sequence.begin(), sequence.end());
  seq_offsets.push_back(tokens.size());
  first_positions.push_back(0);
  for (int64_t i = first_scored; i < static_cast<int64_t>(sequence.size());
       ++i) {
    scored_rows.push_back(begin + i - 1);
    targets.push_back(sequence[i]);
  }
}

void PackedTokens::AppendWithRow(absl::Span<const int32_t> sequence,
                                 int64_t position) {
  scored_rows.push_back(tokens.size() + position);
  tokens.insert(tokens.end(), sequence.begin(), sequence.end());
  seq_offsets.push_back(tokens.size());
  first_positions.push_back(0);
}

void PackedTokens::AppendGroup(
    absl::Span<const absl::Span<const int32_t>> sequences, int64_t prompt) {
  R1_CHECK(prompt >= 1, "the first token has no prediction");
  int64_t prompt_end = tokens.size() + prompt;
  for (absl::Span<const int32_t> s : sequences) {
    prompt_end +=
        std::max<int64_t>(0, static_cast<int64_t>(s.size()) - prompt - 1);
  }
  for (absl::Span<const int32_t> s : sequences) {
    for (int64_t i = prompt; i < static_cast<int64_t>(s.size()); ++i) {
      scored_rows.push_back(i == prompt ? prompt_end - 1 : tokens.size() - 1);
      targets.push_back(s[i]);
      if (i + 1 < static_cast<int64_t>(s.size())) tokens.push_back(s[i]);
    }
    seq_offsets.push_back(tokens.size());
    first_positions.push_back(prompt);
  }
  const absl::Span<const int32_t> shared = sequences[0].subspan(0, prompt);
  tokens.insert(tokens.end(), shared.begin(), shared.end());
  seq_offsets.push_back(tokens.size());
  first_positions.push_back(0);
}

HostBatch PackedModel::Batch(int64_t rows) const {
  size_t count = sequences_.size();
  while (count > 0 && sequences_[count - 1].row_begin >= rows) --count;
  return {.tokens = absl::MakeConstSpan(batch_->tokens).subspan(0, rows),
          .positions = absl::MakeConstSpan(positions_).subspan(0, rows),
          .sequences = absl::MakeConstSpan(sequences_).subspan(0, count)};
}

const SequenceRows& PackedModel::FirstPrompt() const {
  return *std::find_if(
      sequences_.begin(), sequences_.end(),
      [](const SequenceRows& s) { return s.first_position == 0; });
}

// Rows, positions and pages of the batch's sequences. Sequences read the whole
// pages of their prompt; the page in which it ends each has for itself.
void PackedModel::LayOut(const ModelConfig& config) {
  const int64_t num_sequences = batch_->first_positions.size();
  positions_.resize(batch_->tokens.size());
  sequences_.resize(num_sequences);
  int64_t num_ids = 0;
  for (int64_t s = 0; s < num_sequences; ++s) {
    const int64_t begin = batch_->seq_offsets[s];
    const int64_t rows = batch_->seq_offsets[s + 1] - begin;
    const int64_t first = batch_->first_positions[s];
    std::iota(positions_.begin() + begin, positions_.begin() + begin + rows,
              first);
    sequences_[s] = {begin, rows, first, {}};
    num_ids += KvPages::PagesFor(first + rows);
  }
  page_ids_.resize(num_ids);
  copies_.clear();
  int64_t num_pages = 0;
  const SequenceRows* prompt = nullptr;
  for (int64_t s = num_sequences - 1; s >= 0; --s) {  // a prompt comes first
    SequenceRows& rows = sequences_[s];
    const int64_t pages =
        KvPages::PagesFor(rows.first_position + rows.row_count);
    num_ids -= pages;
    const auto ids = absl::MakeSpan(page_ids_).subspan(num_ids, pages);
    rows.pages = ids;
    int64_t shared_pages = 0;
    if (rows.first_position == 0) {
      prompt = &rows;
    } else {
      R1_CHECK(prompt != nullptr && prompt->row_count == rows.first_position,
               "a prompt follows the sequences that share it");
      rows.prefix_begin = prompt->row_begin;
      shared_pages = rows.first_position / kPageTokens;
      std::copy_n(prompt->pages.begin(), shared_pages, ids.begin());
      const int64_t shared = shared_pages * kPageTokens;
      copies_.push_back({prompt->row_begin + shared,
                         rows.first_position - shared, shared, rows.pages});
    }
    std::iota(ids.begin() + shared_pages, ids.end(), num_pages);
    num_pages += pages - shared_pages;
  }
  cache_.Resize(config, num_pages);
}

void PackedModel::Forward(const PolicyWeights& weights,
                          const PackedTokens& batch, bool keep_activations) {
  batch_ = &batch;
  const int64_t T = batch.tokens.size();
  LayOut(weights.config());
  HostBatch host = Batch(T);
  host.copies = copies_;
  host.out_rows = batch.scored_rows;
  host.targets = batch.targets;
  ops_->Prepare(host, on_device_.get());
  const int64_t C = weights.config().hidden_size;
  const DType dtype = ops_->device()->activation_dtype();
  arena_.Clear();
  scored_ = arena_.Take(batch.scored_rows.size(), C, dtype);
  const Arena::Scope scope(&arena_);
  const Tensor hidden = arena_.Take(T, C, dtype);
  transformer_.Forward(weights, *on_device_, &cache_,
                       keep_activations ? &saved_ : nullptr, hidden);
  ops_->GatherRows(hidden, on_device_->out_rows, scored_);
}

void PackedModel::Logprobs(const PolicyWeights& weights, float temperature,
                           absl::Span<float> logprobs,
                           absl::Span<float> entropies) {
  const Arena::Scope scope(&arena_);
  const Tensor logprob = arena_.Take(1, logprobs.size());
  const Tensor entropy = arena_.Take(1, entropies.size());
  ops_->LogprobForward(scored_, weights.head(), on_device_->targets,
                       1.0f / temperature, logprob, entropy);
  Download(logprob, logprobs);
  Download(entropy, entropies);
}

void PackedModel::Backward(const PolicyWeights& weights, float temperature,
                           absl::Span<const float> dlogprobs,
                           absl::Span<const float> dentropies, Gradients grads,
                           absl::Span<float> logprobs,
                           absl::Span<float> entropies, Tensor dembedding) {
  R1_CHECK(batch_ != nullptr, "Forward came before");
  const Arena::Scope scope(&arena_);
  const Tensor logprob = arena_.Take(1, logprobs.size());
  const Tensor entropy = arena_.Take(1, entropies.size());
  const Tensor dscored = arena_.Take(scored_.rows, scored_.cols);
  ops_->LogprobBackward(
      scored_, weights.head(), on_device_->targets, 1.0f / temperature,
      Upload(dlogprobs), Upload(dentropies), dscored,
      grads.tensor(weights.layout().head()), logprob, entropy);
  if (dembedding.empty()) {
    dembedding = grads.tensor(weights.layout().embedding());
  }
  BackwardFromScored(weights, dscored, grads, dembedding);
  Download(logprob, logprobs);
  Download(entropy, entropies);
}

void PackedModel::Scores(const PolicyWeights& weights,
                         absl::Span<float> scores) {
  const Arena::Scope scope(&arena_);
  const Tensor score = arena_.Take(scores.size(), 1);
  ops_->MatMul(scored_, weights.head(), {}, score);
  Download(score, scores);
}

void PackedModel::BackwardScores(const PolicyWeights& weights,
                                 absl::Span<const float> dscores,
                                 Gradients grads) {
  R1_CHECK(batch_ != nullptr, "Forward came before");
  const Arena::Scope scope(&arena_);
  const Tensor dy = arena_.Take(dscores.size(), 1);
  const Tensor dscored = arena_.Take(scored_.rows, scored_.cols);
  ops_->Upload(dscores, dy);
  ops_->MatMulWeightGradient(dy, scored_,
                             grads.tensor(weights.layout().head()));
  ops_->MatMulTransposed(dy, weights.head(), dscored);
  BackwardFromScored(weights, dscored, grads,
                     grads.tensor(weights.layout().embedding()));
}

Tensor PackedModel::Upload(absl::Span<const float> values) {
  const Tensor to = arena_.Take(1, values.size());
  ops_->Upload(values, to);
  return to;
}

void PackedModel::Download(Tensor from, absl::Span<float> values) {
  ops_->Wait(ops_->Download(from, values));
}

void PackedModel::BackwardFromScored(const PolicyWeights& weights,
                                     Tensor dscored, Gradients grads,
                                     Tensor dembedding) {
  const int64_t T = batch_->tokens.size(), C = weights.config().hidden_size;
  R1_CHECK(batch_->continues_prompt == (prompt_sums_.rows > 0),
           "a batch continues the prompt that the one before left");
  prompt_sums_.open_rows =
      batch_->leaves_prompt ? sequences_.back().row_count : 0;
  // The gather's gradient scatters the rows back; the others get zero.
  const Arena::Scope scope(&arena_);
  const Tensor dhidden = arena_.Take(T, C);
  ops_->Fill(0, dhidden);
  if (batch_->continues_prompt) {
    const SequenceRows& prompt = FirstPrompt();
    R1_CHECK(prompt_sums_.rows == prompt.row_count, "it is the same prompt");
    prompt_sums_.row_begin = prompt.row_begin;
    ops_->Copy(prompt_dhidden_.Matrix(1, C),
               dhidden.Rows(prompt.row_begin + prompt.row_count - 1, 1));
  }
  ops_->ScatterAddRows(dscored, on_device_->out_rows, dhidden);
  const DeviceBatch* trained = on_device_.get();
  const int64_t rows = T - prompt_sums_.open_rows;
  if (batch_->leaves_prompt) {
    ops_->Copy(dhidden.Rows(T - 1, 1), prompt_dhidden_.Reserve(1, C));
    ops_->Prepare(Batch(rows), trained_.get());
    trained = trained_.get();
  }
  transformer_.Backward(weights, *trained, cache_, &saved_,
                        dhidden.Rows(0, rows), &prompt_sums_, grads,
                        dembedding);
  batch_ = nullptr;
}

}  // namespace r1
