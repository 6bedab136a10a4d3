#include "learner/policy_samples.h"

#include "base/status_macros.h"

namespace r1 {

PolicySample MakeSample(const SampleGroup& group, uint32_t sample_index,
                        double advantage) {
  const auto& prompt = group.prompt.token_ids();
  const Trajectory& trajectory = group.samples[sample_index].trajectory;
  PolicySample sample;
  sample.prompt_id = group.prompt.id();
  sample.sample_index = sample_index;
  sample.sequence.tokens.assign(prompt.begin(), prompt.end());
  sample.sequence.tokens.insert(sample.sequence.tokens.end(),
                                trajectory.tokens().begin(),
                                trajectory.tokens().end());
  sample.sequence.first_scored = prompt.size();
  sample.rollout_logprobs.assign(trajectory.logprobs().begin(),
                                 trajectory.logprobs().end());
  sample.old_logprobs = sample.rollout_logprobs;
  sample.advantage = static_cast<float>(advantage);
  return sample;
}

std::vector<PolicySample> MakeSamples(
    const Collection& collection,
    const std::vector<std::vector<double>>& advantages, const RlSection& rl) {
  std::vector<PolicySample> samples;
  for (size_t g = 0; g < collection.groups.size(); ++g) {
    const SampleGroup& group = collection.groups[g];
    if (rl.dynamic_sampling() > 0 && !IsInformative(group.rewards())) {
      continue;
    }
    for (size_t i = 0; i < group.samples.size(); ++i) {
      if (group.samples[i].reward.kind() != REWARD_SCORE) continue;
      samples.push_back(MakeSample(group, i, advantages[g][i]));
    }
  }
  return samples;
}

absl::Status RecordAdvantages(
    int64_t step, const Collection& collection,
    const std::vector<std::vector<double>>& advantages, Journal* journal) {
  for (size_t g = 0; g < collection.groups.size(); ++g) {
    const SampleGroup& group = collection.groups[g];
    for (size_t i = 0; i < group.samples.size(); ++i) {
      if (group.samples[i].reward.kind() != REWARD_SCORE) continue;
      R1_RETURN_IF_ERROR(journal->RecordAdvantage(step, group.prompt.id(), i,
                                                  advantages[g][i]));
    }
  }
  return absl::OkStatus();
}

}  // namespace r1
