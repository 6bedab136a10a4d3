#include "rollout/sampler.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/philox.h"

namespace r1 {
namespace {

// Logits in memory at once: 32 MiB, but never fewer rows than the matrix
// kernel needs to reach its speed.
constexpr int64_t kLogits = int64_t{8} << 20;
constexpr int64_t kMinRows = 64;

absl::Status OutOfRange(absl::string_view field, double value,
                        absl::string_view range) {
  return absl::InvalidArgumentError(
      absl::StrCat("sampling.", field, " is ", value, "; it must be ", range));
}

}  // namespace

absl::Status ValidateSampling(const SamplingParams& sampling) {
  if (!(sampling.temperature() >= 0) || std::isinf(sampling.temperature())) {
    return OutOfRange("temperature", sampling.temperature(),
                      "finite and at least 0 (0 = greedy)");
  }
  if (!(sampling.top_p() > 0 && sampling.top_p() <= 1)) {
    return OutOfRange("top_p", sampling.top_p(), "in (0, 1] (1 = off)");
  }
  if (sampling.max_new_tokens() < 1) {
    return OutOfRange("max_new_tokens", sampling.max_new_tokens(),
                      "at least 1");
  }
  for (const std::string& stop : sampling.stop()) {
    if (stop.empty()) {
      return absl::InvalidArgumentError(
          "sampling.stop has an empty string, which every text contains; "
          "remove it");
    }
  }
  return absl::OkStatus();
}

uint32_t SamplingBits(uint64_t seed, uint64_t prompt_id, uint32_t sample_index,
                      uint32_t position) {
  return RandomBits(seed, RandomStream::kSampling, prompt_id, sample_index,
                    position)[0];
}

Sampler::Sampler(const ModelConfig& config, Ops* ops)
    : hidden_size_(config.hidden_size),
      vocab_size_(config.vocab_size),
      chunk_rows_(std::max(kMinRows, kLogits / config.vocab_size)),
      ops_(ops),
      arena_(ops->device()) {}

void Sampler::Draw(const PolicyWeights& weights, Tensor hidden, Tensor rows,
                   absl::Span<const SampleRequest> requests,
                   absl::Span<int32_t> tokens, absl::Span<float> logprobs) {
  const int64_t total = rows.cols;
  for (int64_t begin = 0; begin < total; begin += chunk_rows_) {
    const int64_t count = std::min(chunk_rows_, total - begin);
    const Arena::Scope scope(&arena_);
    const Tensor drawn_rows = arena_.Take(count, hidden_size_, hidden.dtype);
    const Tensor logits = arena_.Take(count, vocab_size_);
    const Tensor drawn = arena_.Take(1, count, DType::kI32);
    const Tensor drawn_logprobs = arena_.Take(1, count);
    ops_->GatherRows(hidden, rows.Cols(begin, count), drawn_rows);
    ops_->MatMul(drawn_rows, weights.head(), {}, logits);
    ops_->Sample(logits, requests.subspan(begin, count), drawn, drawn_logprobs);
    ops_->Download(drawn, tokens.subspan(begin, count));
    ops_->Wait(ops_->Download(drawn_logprobs, logprobs.subspan(begin, count)));
  }
}

}  // namespace r1
