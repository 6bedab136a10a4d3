#include "learner/policy_gradient.h"

#include <algorithm>

namespace r1 {
namespace {

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

std::vector<int64_t> ScoredOffsets(
    absl::Span<const PolicySample* const> samples) {
  std::vector<int64_t> offsets = {0};
  for (const PolicySample* s : samples) {
    offsets.push_back(offsets.back() + s->sequence.scored());
  }
  return offsets;
}

int64_t LengthOf(absl::Span<const PolicySample* const> samples) {
  int64_t length = 0;
  for (const PolicySample* s : samples) length += s->sequence.length();
  return length;
}

// A NaN among the trainer's values is no mismatch: the loss will be NaN.
std::vector<Deviation> FindDeviations(
    absl::Span<const PolicySample* const> samples,
    absl::Span<const float> trainer_logprobs) {
  std::vector<Deviation> deviations;
  auto trainer = trainer_logprobs.begin();
  for (const PolicySample* sample : samples) {
    Deviation worst = {sample};
    for (int64_t i = 0; i < sample->sequence.scored(); ++i) {
      const Deviation here = {sample, i, sample->rollout_logprobs[i],
                              *trainer++};
      if (here.nats() > worst.nats()) worst = here;
    }
    if (worst.nats() > 0) deviations.push_back(worst);
  }
  return deviations;
}

}  // namespace

struct PolicyGradient::TokenValues {
  TokenValues(Samples samples, bool has_reference)
      : offsets(ScoredOffsets(samples)),
        old(Concatenate(samples, &PolicySample::old_logprobs)),
        rollout(Concatenate(samples, &PolicySample::rollout_logprobs)),
        advantages(AdvantagePerToken(samples)),
        trainer(old),
        entropies(old.size()),
        reference(has_reference ? old.size() : 0) {}

  // Of the sequences with these offsets from token `begin` on.
  PolicyLossInput Input(absl::Span<const int64_t> sequence_offsets,
                        int64_t begin) const {
    const auto part = [&](const std::vector<float>& all) {
      return all.empty() ? absl::Span<const float>()
                         : absl::MakeConstSpan(all).subspan(
                               begin, sequence_offsets.back());
    };
    return {sequence_offsets, part(trainer),   part(old),       part(rollout),
            part(reference),  part(entropies), part(advantages)};
  }

  std::vector<int64_t> offsets;
  std::vector<float> old, rollout, advantages;
  // The old log-probs until the trainer's own are computed.
  std::vector<float> trainer;
  std::vector<float> entropies, reference;
};

bool PolicyGradient::HasGradient(const PolicySample& sample,
                                 const PolicyWeights* reference) const {
  return sample.advantage != 0 || reference != nullptr ||
         loss_.entropy_coef != 0;
}

std::vector<GroupBatch> PolicyGradient::Pack(Samples samples) const {
  std::vector<const TrainSequence*> sequences;
  for (const PolicySample* s : samples) sequences.push_back(&s->sequence);
  return PackGroups(sequences, microbatch_tokens_);
}

MinibatchExtent ExtentOf(absl::Span<const PolicySample* const> minibatch) {
  MinibatchExtent extent;
  extent.sequences = minibatch.size();
  for (const PolicySample* s : minibatch) extent.tokens += s->sequence.scored();
  return extent;
}

MinibatchGradient PolicyGradient::ComputeShard(
    const PolicyWeights& weights, const PolicyWeights* reference, Samples shard,
    const MinibatchExtent& extent, bool is_on_policy, Gradients grads) {
  std::vector<const PolicySample*> order(shard.begin(), shard.end());
  const auto idle_begin = std::stable_partition(
      order.begin(), order.end(), [&](const PolicySample* sample) {
        return HasGradient(*sample, reference);
      });
  const Samples samples = order;
  const Samples trained = samples.subspan(0, idle_begin - order.begin());
  const Samples idle = samples.subspan(trained.size());
  TokenValues values(samples, reference != nullptr);
  const ParamLayout& layout = weights.layout();
  const Tensor embedding = grads.tensor(layout.embedding());
  Tensor dembedding;
  if (layout.head() == layout.embedding() && !embedding.empty()) {
    dembedding = dembedding_.Reserve(embedding.rows, embedding.cols);
    ops_->Fill(0, dembedding);
  }
  for (const GroupBatch& batch : Pack(trained)) {
    Train(weights, reference, batch.packed, extent, is_on_policy,
          values.offsets[batch.samples.begin], &values, grads, dembedding);
    ReportTokens(trained.subspan(batch.samples.begin, batch.samples.size()));
  }
  if (!dembedding.empty()) ops_->Add(dembedding, embedding);
  const auto idle_part = [&](std::vector<float>& all, const GroupBatch& batch) {
    return absl::MakeSpan(all).subspan(
        values.offsets[trained.size() + batch.samples.begin],
        batch.packed.scored_offsets.back());
  };
  for (const GroupBatch& batch : Pack(idle)) {
    Score(weights, batch.packed, idle_part(values.trainer, batch),
          idle_part(values.entropies, batch));
    ReportTokens(idle.subspan(batch.samples.begin, batch.samples.size()));
  }
  const PolicyLossOutput loss =
      ComputePolicyLoss(loss_, values.Input(values.offsets, 0), extent);
  return {loss.loss, loss.stats, LengthOf(samples),
          FindDeviations(samples, values.trainer)};
}

void PolicyGradient::Train(const PolicyWeights& weights,
                           const PolicyWeights* reference,
                           const PackedBatch& batch,
                           const MinibatchExtent& extent, bool is_on_policy,
                           int64_t first_token, TokenValues* values,
                           Gradients grads, Tensor dembedding) {
  const auto part = [&](std::vector<float>& all) {
    return absl::MakeSpan(all).subspan(first_token,
                                       batch.scored_offsets.back());
  };
  const absl::Span<float> trainer = part(values->trainer);
  const absl::Span<float> entropies = part(values->entropies);
  if (reference != nullptr) {
    Score(*reference, batch, part(values->reference), {});
  }
  model_.Forward(weights, batch.tokens, /*keep_activations=*/true);
  if (!is_on_policy) {
    model_.Logprobs(weights, temperature_, trainer, entropies);
  }
  const PolicyLossOutput loss = ComputePolicyLoss(
      loss_, values->Input(batch.scored_offsets, first_token), extent);
  model_.Backward(weights, temperature_, loss.dlogprobs, loss.dentropies, grads,
                  trainer, entropies, dembedding);
}

void PolicyGradient::Score(const PolicyWeights& weights,
                           const PackedBatch& batch, absl::Span<float> logprobs,
                           absl::Span<float> entropies) {
  model_.Forward(weights, batch.tokens, /*keep_activations=*/false);
  model_.Logprobs(weights, temperature_, logprobs, entropies);
}

void PolicyGradient::ReportTokens(Samples samples) {
  on_tokens_(LengthOf(samples));
}

std::vector<Deviation> PolicyGradient::ScoreOldLogprobs(
    const PolicyWeights& weights, absl::Span<PolicySample> samples) {
  std::vector<const PolicySample*> all;
  for (const PolicySample& s : samples) all.push_back(&s);
  const std::vector<int64_t> offsets = ScoredOffsets(all);
  std::vector<float> logprobs(offsets.back());
  for (const GroupBatch& batch : Pack(all)) {
    Score(weights, batch.packed,
          absl::MakeSpan(logprobs).subspan(offsets[batch.samples.begin],
                                           batch.packed.scored_offsets.back()),
          {});
  }
  for (size_t s = 0; s < samples.size(); ++s) {
    samples[s].old_logprobs.assign(logprobs.begin() + offsets[s],
                                   logprobs.begin() + offsets[s + 1]);
  }
  return FindDeviations(all, logprobs);
}

}  // namespace r1
