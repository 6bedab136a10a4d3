#include "learner/policy_gradient.h"

#include <algorithm>

namespace r1 {
namespace {

PackedBatch PackSamples(absl::Span<const PolicySample* const> samples) {
  std::vector<const TrainSequence*> sequences;
  for (const PolicySample* s : samples) sequences.push_back(&s->sequence);
  return Pack(sequences);
}

// Per-token values of all samples, one after the other.
std::vector<float> Concatenate(absl::Span<const PolicySample* const> samples,
                               std::vector<float> PolicySample::*field) {
  std::vector<float> all;
  for (const PolicySample* s : samples) {
    all.insert(all.end(), (s->*field).begin(), (s->*field).end());
  }
  return all;
}

std::vector<float> AdvantagePerToken(
    absl::Span<const PolicySample* const> samples) {
  std::vector<float> all;
  for (const PolicySample* s : samples) {
    all.insert(all.end(), s->sequence.scored(), s->advantage);
  }
  return all;
}

MinibatchExtent ExtentOf(absl::Span<const PolicySample* const> samples) {
  MinibatchExtent extent;
  extent.sequences = samples.size();
  for (const PolicySample* s : samples) extent.tokens += s->sequence.scored();
  return extent;
}

// A NaN among the trainer's values is no mismatch: the loss will be NaN.
void NoteMismatch(absl::Span<const PolicySample* const> samples,
                  const PackedBatch& batch,
                  absl::Span<const float> trainer_logprobs,
                  std::vector<Deviation>* deviations) {
  for (size_t s = 0; s < samples.size(); ++s) {
    const int64_t begin = batch.scored_offsets[s];
    Deviation worst = {samples[s]};
    for (int64_t i = 0; i < samples[s]->sequence.scored(); ++i) {
      const Deviation here = {samples[s], i, samples[s]->rollout_logprobs[i],
                              trainer_logprobs[begin + i]};
      if (here.nats() > worst.nats()) worst = here;
    }
    if (worst.nats() > 0) deviations->push_back(worst);
  }
}

}  // namespace

std::vector<PolicyGradient::Microbatch> PolicyGradient::Cut(
    Microbatch samples) const {
  std::vector<int64_t> lengths;
  for (const PolicySample* s : samples) lengths.push_back(s->sequence.length());
  std::vector<Microbatch> microbatches;
  for (IndexRange r : CutIntoMicrobatches(lengths, microbatch_tokens_)) {
    microbatches.push_back(samples.subspan(r.begin, r.end - r.begin));
  }
  return microbatches;
}

MinibatchGradient PolicyGradient::Compute(const PolicyWeights& weights,
                                          const PolicyWeights* reference,
                                          Microbatch minibatch,
                                          ParamSet* grads) {
  MinibatchGradient result;
  const MinibatchExtent extent = ExtentOf(minibatch);
  for (Microbatch microbatch : Cut(minibatch)) {
    AddMicrobatch(weights, reference, microbatch, extent, grads, &result);
  }
  return result;
}

void PolicyGradient::AddMicrobatch(const PolicyWeights& weights,
                                   const PolicyWeights* reference,
                                   Microbatch samples,
                                   const MinibatchExtent& extent,
                                   ParamSet* grads, MinibatchGradient* result) {
  const PackedBatch batch = PackSamples(samples);
  const int64_t R = batch.scored_offsets.back();

  std::vector<float> ref_logprobs(reference != nullptr ? R : 0);
  if (reference != nullptr) {
    model_.Forward(*reference, batch.tokens, /*keep_activations=*/false);
    model_.Logprobs(*reference, temperature_, absl::MakeSpan(ref_logprobs), {});
  }
  std::vector<float> trainer_logprobs(R), entropies(R);
  model_.Forward(weights, batch.tokens, /*keep_activations=*/true);
  model_.Logprobs(weights, temperature_, absl::MakeSpan(trainer_logprobs),
                  absl::MakeSpan(entropies));
  NoteMismatch(samples, batch, trainer_logprobs, &result->deviations);

  const std::vector<float> old =
      Concatenate(samples, &PolicySample::old_logprobs);
  const std::vector<float> rollout =
      Concatenate(samples, &PolicySample::rollout_logprobs);
  const std::vector<float> advantages = AdvantagePerToken(samples);
  const PolicyLossOutput loss =
      ComputePolicyLoss(loss_,
                        {batch.scored_offsets, trainer_logprobs, old, rollout,
                         ref_logprobs, entropies, advantages},
                        extent);
  model_.Backward(weights, temperature_, loss.dlogprobs, loss.dentropies, grads,
                  {}, {});
  result->loss += loss.loss;
  result->stats.Add(loss.stats);
  result->tokens += batch.tokens.tokens.size();
  on_tokens_(batch.tokens.tokens.size());
}

std::vector<Deviation> PolicyGradient::ScoreOldLogprobs(
    const PolicyWeights& weights, absl::Span<PolicySample> samples) {
  std::vector<Deviation> deviations;
  std::vector<const PolicySample*> all;
  for (const PolicySample& s : samples) all.push_back(&s);
  int64_t done = 0;
  for (Microbatch microbatch : Cut(all)) {
    const PackedBatch batch = PackSamples(microbatch);
    std::vector<float> logprobs(batch.scored_offsets.back());
    model_.Forward(weights, batch.tokens, /*keep_activations=*/false);
    model_.Logprobs(weights, temperature_, absl::MakeSpan(logprobs), {});
    NoteMismatch(microbatch, batch, logprobs, &deviations);
    for (size_t s = 0; s < microbatch.size(); ++s) {
      samples[done++].old_logprobs.assign(
          logprobs.begin() + batch.scored_offsets[s],
          logprobs.begin() + batch.scored_offsets[s + 1]);
    }
  }
  return deviations;
}

}  // namespace r1
