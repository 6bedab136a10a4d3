#include "learner/supervised_gradient.h"

#include <vector>

namespace r1 {
namespace {

std::vector<int64_t> LengthsOf(
    absl::Span<const TrainSequence* const> examples) {
  std::vector<int64_t> lengths;
  for (const TrainSequence* example : examples) {
    lengths.push_back(example->length());
  }
  return lengths;
}

}  // namespace

int64_t ScoredOf(absl::Span<const TrainSequence* const> examples) {
  int64_t scored = 0;
  for (const TrainSequence* example : examples) scored += example->scored();
  return scored;
}

// The gradient of the mean is known beforehand, so one pass does it all.
double SupervisedGradient::Compute(
    const PolicyWeights& weights,
    absl::Span<const TrainSequence* const> examples, int64_t scored,
    Gradients grads) {
  double logprob_sum = 0;
  for (IndexRange range :
       CutIntoMicrobatches(LengthsOf(examples), kMicrobatchTokens)) {
    const PackedBatch packed =
        Pack(examples.subspan(range.begin, range.size()));
    const int64_t R = packed.scored_offsets.back();
    const std::vector<float> dlogprobs(R, -1.0f / scored);
    std::vector<float> logprobs(R);
    model_.Forward(weights, packed.tokens, /*keep_activations=*/true);
    model_.Backward(weights, /*temperature=*/1, dlogprobs, {}, grads,
                    absl::MakeSpan(logprobs), {});
    for (float logprob : logprobs) logprob_sum += logprob;
  }
  return logprob_sum;
}

double SupervisedGradient::SumLogprobs(
    const PolicyWeights& weights,
    absl::Span<const TrainSequence* const> examples) {
  double logprob_sum = 0;
  for (IndexRange range :
       CutIntoMicrobatches(LengthsOf(examples), kMicrobatchTokens)) {
    const PackedBatch packed =
        Pack(examples.subspan(range.begin, range.size()));
    std::vector<float> logprobs(packed.scored_offsets.back());
    model_.Forward(weights, packed.tokens, /*keep_activations=*/false);
    model_.Logprobs(weights, /*temperature=*/1, absl::MakeSpan(logprobs), {});
    for (float logprob : logprobs) logprob_sum += logprob;
  }
  return logprob_sum;
}

}  // namespace r1
