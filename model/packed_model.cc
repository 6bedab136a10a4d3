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
  for (int64_t i = first_scored; i < static_cast<int64_t>(sequence.size());
       ++i) {
    scored_rows.push_back(begin + i - 1);
  }
}

void PackedTokens::AppendWithRow(absl::Span<const int32_t> sequence,
                                 int64_t position) {
  scored_rows.push_back(tokens.size() + position);
  tokens.insert(tokens.end(), sequence.begin(), sequence.end());
  seq_offsets.push_back(tokens.size());
}

TokenBatch PackedModel::Batch() const {
  return {batch_->tokens, positions_, sequences_};
}

void PackedModel::Forward(const PolicyWeights& weights,
                          const PackedTokens& batch, bool keep_activations) {
  batch_ = &batch;
  const int64_t T = batch.tokens.size();
  const int64_t C = weights.config().hidden_size;
  const int64_t num_sequences = batch.seq_offsets.size() - 1;
  int64_t num_pages = 0;
  for (int64_t s = 0; s < num_sequences; ++s) {
    num_pages +=
        KvPages::PagesFor(batch.seq_offsets[s + 1] - batch.seq_offsets[s]);
  }
  cache_.Resize(weights.config(), num_pages);
  page_ids_.resize(num_pages);
  std::iota(page_ids_.begin(), page_ids_.end(), 0);
  positions_.resize(T);
  sequences_.clear();
  int64_t page = 0;
  for (int64_t s = 0; s < num_sequences; ++s) {
    const int64_t begin = batch.seq_offsets[s];
    const int64_t length = batch.seq_offsets[s + 1] - begin;
    std::iota(positions_.begin() + begin, positions_.begin() + begin + length,
              0);
    const int64_t pages = KvPages::PagesFor(length);
    sequences_.push_back({begin, length, 0,
                          absl::MakeConstSpan(page_ids_).subspan(page, pages)});
    page += pages;
  }
  targets_.clear();
  if (weights.config().head == ModelHead::kVocabulary) {
    for (int32_t row : batch.scored_rows) {
      targets_.push_back(batch.tokens[row + 1]);
    }
  }

  hidden_.Reserve(T * C);
  Mat hidden{hidden_.data(), T, C};
  transformer_.Forward(weights, Batch(), &cache_,
                       keep_activations ? &saved_ : nullptr, hidden);
  // An embedding look-up is a gather of rows.
  transformer_.ops()->EmbeddingForward(batch.scored_rows, hidden, Scored());
}

void PackedModel::Logprobs(const PolicyWeights& weights, float temperature,
                           absl::Span<float> logprobs,
                           absl::Span<float> entropies) {
  transformer_.ops()->LogprobForward(Scored(), weights.head(), targets_,
                                     1.0f / temperature, logprobs, entropies);
}

void PackedModel::Backward(const PolicyWeights& weights, float temperature,
                           absl::Span<const float> dlogprobs,
                           absl::Span<const float> dentropies, ParamSet* grads,
                           absl::Span<float> logprobs,
                           absl::Span<float> entropies) {
  R1_CHECK(batch_ != nullptr, "Forward came before");
  transformer_.ops()->LogprobBackward(
      Scored(), weights.head(), targets_, 1.0f / temperature, dlogprobs,
      dentropies, DScored(), grads->Matrix(grads->layout().head()), logprobs,
      entropies);
  BackwardFromScored(weights, grads);
}

void PackedModel::Scores(const PolicyWeights& weights,
                         absl::Span<float> scores) {
  const int64_t R = batch_->scored_rows.size();
  transformer_.ops()->MatMul(Scored(), weights.head(), {},
                             Mat{scores.data(), R, 1});
}

void PackedModel::BackwardScores(const PolicyWeights& weights,
                                 absl::Span<const float> dscores,
                                 ParamSet* grads) {
  R1_CHECK(batch_ != nullptr, "Forward came before");
  const int64_t R = batch_->scored_rows.size();
  const ConstMat dy{dscores.data(), R, 1};
  Ops* ops = transformer_.ops();
  ops->MatMulWeightGradient(dy, Scored(),
                            grads->Matrix(grads->layout().head()));
  ops->MatMulTransposed(dy, weights.head(), DScored());
  BackwardFromScored(weights, grads);
}

Mat PackedModel::Scored() {
  const int64_t R = batch_->scored_rows.size();
  const int64_t C = transformer_.config().hidden_size;
  scored_.Reserve(R * C);
  return {scored_.data(), R, C};
}

Mat PackedModel::DScored() {
  const int64_t R = batch_->scored_rows.size();
  const int64_t C = transformer_.config().hidden_size;
  dscored_.Reserve(R * C);
  return {dscored_.data(), R, C};
}

void PackedModel::BackwardFromScored(const PolicyWeights& weights,
                                     ParamSet* grads) {
  // The gather's gradient scatters the rows back; the others get zero.
  const int64_t T = batch_->tokens.size(), C = weights.config().hidden_size;
  Mat dhidden{hidden_.data(), T, C};
  std::fill(dhidden.data, dhidden.data + T * C, 0.0f);
  transformer_.ops()->EmbeddingBackward(batch_->scored_rows, DScored(),
                                        dhidden);
  transformer_.Backward(weights, Batch(), cache_, &saved_, dhidden, grads);
  batch_ = nullptr;
}

}  // namespace r1
