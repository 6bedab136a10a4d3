#include "learner/collector.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learner/reward_item.h"
#include "proto/answer_length.h"
#include "proto/reward_result.h"

namespace r1 {
namespace {

// How long one wait may last before the progress is shown again.
constexpr absl::Duration kTick = absl::Milliseconds(100);

std::string Name(std::pair<uint64_t, uint32_t> key) {
  return SampleName(key.first, key.second);
}

// A result that breaks the contract becomes an error of its own sample.
void MakeValid(RewardResult* reward) {
  std::string fault;
  if (reward->kind() == REWARD_UNSPECIFIED) fault = "the result has no kind";
  if (reward->kind() == REWARD_SCORE && !std::isfinite(reward->total())) {
    fault = absl::StrCat("the total is ", reward->total());
  }
  for (const RewardComponent& c : reward->components()) {
    if (reward->kind() == REWARD_SCORE && !std::isfinite(c.value())) {
      fault = absl::StrCat("component ", c.name(), " is ", c.value());
    }
  }
  if (fault.empty()) return;
  reward->set_kind(REWARD_ERROR);
  reward->set_total(0);
  reward->clear_components();
  reward->set_detail(fault);
}

SamplingParams TrainingSampling(const RolloutSection& rollout, int64_t step) {
  SamplingParams sampling;
  sampling.set_temperature(rollout.temperature());
  sampling.set_top_p(1);
  sampling.set_max_new_tokens(MaxNewTokensAt(rollout, step));
  *sampling.mutable_stop() = rollout.stop();
  return sampling;
}

}  // namespace

RewardGroup SampleGroup::rewards() const {
  RewardGroup group;
  for (const CollectedSample& sample : samples) {
    group.push_back(sample.reward.kind() == REWARD_SCORE
                        ? std::optional<double>(sample.reward.total())
                        : std::nullopt);
  }
  return group;
}

absl::StatusOr<Collection> SampleCollector::Collect(
    int64_t step, uint64_t version, uint64_t next_index,
    const AvoidedWorkers& avoided) {
  step_ = step;
  version_ = version;
  first_index_ = next_index;
  collection_ = Collection();
  collection_.next_index = next_index;
  samples_total_ = tokens_done_ = 0;
  awaited_samples_.clear();
  awaited_rewards_.clear();
  rewards_due_ = 0;
  scored_again_.clear();
  unrecorded_failures_.clear();
  stall_ = StallWatch(patience_, absl::StrCat("step ", step));
  peers_.reward->SetStep(step, MaxNewTokensAt(config_.rollout(), step));
  R1_RETURN_IF_ERROR(LoadJournal());

  const RlSection& rl = config_.rl();
  int missing = rl.prompts();
  for (int round = 0; missing > 0 && round <= rl.dynamic_sampling(); ++round) {
    R1_RETURN_IF_ERROR(DrawPrompts(missing, avoided));
    R1_RETURN_IF_ERROR(WaitForAll());
    // Before the next round: what it draws depends on the failures of this one,
    // which a resumed run must not score anew.
    R1_RETURN_IF_ERROR(CheckErrorShare());
    R1_RETURN_IF_ERROR(CheckNotAllAbstain());
    R1_RETURN_IF_ERROR(RecordFailures());
    missing = rl.dynamic_sampling() > 0 ? rl.prompts() - CountInformative() : 0;
  }
  if (!recorded_.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the journal holds sample ",
                     Name(recorded_.begin()->first), " of step ", step_,
                     ", which this configuration does not draw: the "
                     "run folder belongs to another configuration"));
  }
  return std::move(collection_);
}

absl::Status SampleCollector::LoadJournal() {
  recorded_.clear();
  R1_ASSIGN_OR_RETURN(std::vector<SampleRecord> records,
                      peers_.journal->LoadSamples(step_));
  for (SampleRecord& record : records) {
    const SampleKey key{record.trajectory.prompt_id(),
                        record.trajectory.sample_index()};
    recorded_.emplace(key, std::move(record));
  }
  return absl::OkStatus();
}

// Adds the next `count` prompts; what the journal does not hold of them is
// enqueued.
absl::Status SampleCollector::DrawPrompts(int count,
                                          const AvoidedWorkers& avoided) {
  const SamplingParams sampling = TrainingSampling(config_.rollout(), step_);
  for (int i = 0; i < count; ++i) {
    SampleGroup group;
    R1_ASSIGN_OR_RETURN(group.prompt,
                        peers_.prompts->Train(collection_.next_index++));
    group.samples.resize(config_.rl().group_size());
    collection_.groups.push_back(std::move(group));
    const Prompt& prompt = collection_.groups.back().prompt;
    R1_CHECK(prompt.id() + 1 == collection_.next_index, "id is the index");

    std::map<std::vector<std::string>, std::vector<uint32_t>> missing;
    for (uint32_t s = 0; s < static_cast<uint32_t>(config_.rl().group_size());
         ++s) {
      ++samples_total_;
      const SampleKey key{prompt.id(), s};
      awaited_samples_.insert(key);
      awaited_rewards_.insert(key);
      if (auto record = recorded_.extract(key)) {
        R1_RETURN_IF_ERROR(TakeRecorded(std::move(record.mapped())));
      } else {
        const auto avoid = avoided.find(key);
        missing[avoid == avoided.end() ? std::vector<std::string>()
                                       : avoid->second]
            .push_back(s);
      }
    }
    if (peers_.reward->compares_samples()) SubmitGroupIfWhole(prompt.id());
    for (auto& [avoid, indices] : missing) {
      peers_.rollout->Enqueue(
          {prompt, std::move(indices), sampling, config_.seed(), avoid});
    }
  }
  return absl::OkStatus();
}

absl::Status SampleCollector::TakeRecorded(SampleRecord record) {
  const SampleKey key{record.trajectory.prompt_id(),
                      record.trajectory.sample_index()};
  const Prompt& prompt = GroupOf(key.first).prompt;
  const auto& now = prompt.token_ids();
  const auto& then = record.prompt.token_ids();
  if (!std::equal(now.begin(), now.end(), then.begin(), then.end())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "prompt ", key.first, " of step ", step_, " has other tokens than in ",
        "the journal: the data or tokenizer of this run has changed"));
  }
  R1_RETURN_IF_ERROR(CheckTrajectory(record.trajectory));
  CollectedSample& sample = SampleOf(key);
  sample.trajectory = std::move(record.trajectory);
  sample.completion = std::move(record.completion);
  awaited_samples_.erase(key);
  tokens_done_ += sample.trajectory.tokens_size();
  if (record.reward.has_value()) {
    sample.reward = *std::move(record.reward);
    awaited_rewards_.erase(key);
  } else if (!peers_.reward->compares_samples()) {
    SubmitForReward(key);
  }
  return absl::OkStatus();
}

absl::Status SampleCollector::CheckTrajectory(const Trajectory& t) const {
  const std::string name = absl::StrCat("sample ", t.prompt_id(), "/",
                                        t.sample_index(), " of step ", step_);
  if (t.policy_version() != version_) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " comes from policy version ", t.policy_version(),
                     ", expected ", version_));
  }
  if (t.tokens_size() < 1 || t.tokens_size() != t.logprobs_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", t.tokens_size(), " tokens and ",
                     t.logprobs_size(), " log-probs; expected one a token"));
  }
  for (int i = 0; i < t.tokens_size(); ++i) {
    if (t.tokens(i) < 0 || t.tokens(i) >= model_.vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": token ", t.tokens(i), " at ", i,
                       " is outside the vocabulary of ", model_.vocab_size));
    }
    if (!std::isfinite(t.logprobs(i))) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": log-prob ", t.logprobs(i), " at ", i));
    }
  }
  return absl::OkStatus();
}

RewardItem SampleCollector::ItemOf(SampleKey key) {
  const CollectedSample& sample = SampleOf(key);
  return MakeRewardItem(GroupOf(key.first).prompt, sample.trajectory,
                        sample.completion);
}

void SampleCollector::SubmitForReward(SampleKey key) {
  ++rewards_due_;
  peers_.reward->Submit(ItemOf(key));
}

// For rules that compare samples: submits the prompt's if all are there and a
// reward is missing.
void SampleCollector::SubmitGroupIfWhole(uint64_t prompt_id) {
  std::vector<RewardItem> items;
  std::set<SampleKey> recorded;
  for (uint32_t s = 0; s < GroupOf(prompt_id).samples.size(); ++s) {
    const SampleKey key{prompt_id, s};
    if (awaited_samples_.count(key) > 0) return;
    items.push_back(ItemOf(key));
    if (awaited_rewards_.count(key) == 0) recorded.insert(key);
  }
  if (recorded.size() == items.size()) return;
  rewards_due_ += static_cast<int64_t>(items.size());
  scored_again_.merge(recorded);
  peers_.reward->SubmitTogether(std::move(items));
}

absl::Status SampleCollector::WaitForAll() {
  while (!awaited_samples_.empty()) {
    R1_RETURN_IF_ERROR(stall_.CheckNotStopped());
    ReportProgress(StepPhase::kRollout);
    const absl::Time deadline = patience_.now() + kTick;
    auto trajectory = peers_.rollout->Next(deadline);
    if (trajectory.ok()) {
      R1_RETURN_IF_ERROR(TakeTrajectory(*std::move(trajectory)));
    } else {
      R1_RETURN_IF_ERROR(NoteStall(trajectory.status(), deadline));
    }
    R1_RETURN_IF_ERROR(TakeRewards(absl::InfinitePast()));
  }
  while (rewards_due_ > 0) {
    R1_RETURN_IF_ERROR(stall_.CheckNotStopped());
    ReportProgress(StepPhase::kReward);
    R1_RETURN_IF_ERROR(TakeRewards(patience_.now() + kTick));
  }
  return absl::OkStatus();
}

absl::Status SampleCollector::TakeTrajectory(Trajectory trajectory) {
  const SampleKey key{trajectory.prompt_id(), trajectory.sample_index()};
  if (awaited_samples_.erase(key) == 0) {
    return absl::InternalError(absl::StrCat(
        "sample ", Name(key), " of step ", step_,
        " arrived but nobody waits for it: it came twice or was never asked"));
  }
  R1_RETURN_IF_ERROR(CheckTrajectory(trajectory));
  stall_.NoteProgress();
  const Prompt& prompt = GroupOf(key.first).prompt;
  CollectedSample& sample = SampleOf(key);
  sample.trajectory = std::move(trajectory);
  sample.completion =
      CompletionText(prompt, sample.trajectory, *peers_.tokenizer);
  tokens_done_ += sample.trajectory.tokens_size();
  collection_.fresh_tokens += sample.trajectory.tokens_size();
  R1_RETURN_IF_ERROR(peers_.journal->RecordTrajectory(
      step_, prompt, sample.trajectory, sample.completion));
  if (peers_.reward->compares_samples()) {
    SubmitGroupIfWhole(key.first);
  } else {
    SubmitForReward(key);
  }
  return absl::OkStatus();
}

// Takes what is there; waits until `deadline` for the first. With
// InfinitePast, nothing being there is no sign of a stall.
absl::Status SampleCollector::TakeRewards(absl::Time deadline) {
  while (rewards_due_ > 0) {
    auto reward = peers_.reward->Next(deadline);
    if (!reward.ok()) {
      const bool is_glance = deadline == absl::InfinitePast() &&
                             absl::IsDeadlineExceeded(reward.status());
      return is_glance ? absl::OkStatus()
                       : NoteStall(reward.status(), deadline);
    }
    R1_RETURN_IF_ERROR(TakeReward(*std::move(reward)));
    deadline = absl::InfinitePast();
  }
  return absl::OkStatus();
}

absl::Status SampleCollector::TakeReward(RewardResult reward) {
  uint64_t prompt_id = 0;
  uint32_t sample_index = 0;
  const std::vector<std::string> parts = absl::StrSplit(reward.id(), '/');
  const bool is_known = parts.size() == 2 &&
                        absl::SimpleAtoi(parts[0], &prompt_id) &&
                        absl::SimpleAtoi(parts[1], &sample_index);
  const SampleKey key{prompt_id, sample_index};
  --rewards_due_;
  if (is_known && scored_again_.erase(key) > 0) return absl::OkStatus();
  if (!is_known || awaited_rewards_.erase(key) == 0) {
    return absl::InternalError(absl::StrCat("a reward arrived for \"",
                                            reward.id(), "\" of step ", step_,
                                            ", which nobody waits for"));
  }
  stall_.NoteProgress();
  MakeValid(&reward);
  SampleOf(key).reward = reward;
  if (IsFailure(reward)) {
    unrecorded_failures_.insert(key);
    return absl::OkStatus();
  }
  return peers_.journal->RecordReward(step_, prompt_id, sample_index, reward);
}

absl::Status SampleCollector::NoteStall(const absl::Status& timeout,
                                        absl::Time deadline) {
  return stall_.NoteTimeout(timeout, deadline, peers_.rollout->Workers());
}

void SampleCollector::ReportProgress(StepPhase phase) {
  progress_.Report(phase, [&](StepProgress* p) {
    p->step = step_;
    p->samples_total = samples_total_;
    p->samples_done = samples_total_ - awaited_samples_.size();
    p->rewards_done = samples_total_ - awaited_rewards_.size();
    p->tokens_generated = tokens_done_;
    p->workers = peers_.rollout->Workers();
  });
}

absl::Status SampleCollector::CheckErrorShare() const {
  FailureCount count;
  for (const SampleGroup& group : collection_.groups) {
    for (const CollectedSample& sample : group.samples) {
      count.Add(SampleName(group.prompt.id(), sample.trajectory.sample_index()),
                sample.reward);
    }
  }
  const absl::Status status = count.Check(config_.reward().max_error_share());
  if (status.ok()) return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "step ", step_, ": ", status.message(),
      ". Repair the reward and run the same command again: only these are ",
      "scored anew"));
}

// A rule that cannot judge this kind of problem would let a run end in peace
// and learn nothing.
absl::Status SampleCollector::CheckNotAllAbstain() const {
  // So many prompts hardly ever all have an unusable reference by chance.
  constexpr size_t kMinPrompts = 8;
  if (collection_.groups.size() < kMinPrompts) return absl::OkStatus();
  for (const SampleGroup& group : collection_.groups) {
    for (const CollectedSample& sample : group.samples) {
      if (sample.reward.kind() != REWARD_ABSTAIN) return absl::OkStatus();
    }
  }
  const SampleGroup& group = collection_.groups[0];
  return absl::FailedPreconditionError(absl::StrCat(
      "step ", step_, ": no answer could be judged, all ", samples_total_,
      " results are abstentions; e.g. sample ", group.prompt.id(),
      "/0: ", group.samples[0].reward.detail(),
      ". Choose rules that fit the problems (reward.rule, task.kind)"));
}

absl::Status SampleCollector::RecordFailures() {
  for (const SampleKey& key : unrecorded_failures_) {
    R1_RETURN_IF_ERROR(peers_.journal->RecordReward(
        step_, key.first, key.second, SampleOf(key).reward));
  }
  unrecorded_failures_.clear();
  return absl::OkStatus();
}

int SampleCollector::CountInformative() const {
  int count = 0;
  for (const SampleGroup& group : collection_.groups) {
    count += IsInformative(group.rewards());
  }
  return count;
}

}  // namespace r1
