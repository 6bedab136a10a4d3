#include "learner/mismatch.h"

#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

// So many different answers of one sample show nothing but chaos.
constexpr size_t kMaxAttempts = 3;

std::string NameOf(SampleKey key) {
  return absl::StrCat(key.first, "/", key.second);
}

const SampleGroup& GroupOf(const Collection& collection, uint64_t prompt_id) {
  const uint64_t first = collection.groups.front().prompt.id();
  return collection.groups[prompt_id - first];
}

const Trajectory& TrajectoryOf(const Collection& collection, SampleKey key) {
  return GroupOf(collection, key.first).samples[key.second].trajectory;
}

template <typename T>
std::string BytesOf(const google::protobuf::RepeatedField<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(T));
}

std::string Describe(float logprob) {
  uint32_t bits = 0;
  std::memcpy(&bits, &logprob, sizeof(bits));
  return absl::StrFormat("%.9g (0x%08x)", logprob, bits);
}

std::string Describe(const Deviation& d) {
  return absl::StrCat("token ", d.token, " has log-prob ", Describe(d.rollout),
                      ", the trainer's is ", Describe(d.trainer));
}

SampleKey KeyOf(const Deviation& d) {
  return {d.sample->prompt_id, d.sample->sample_index};
}

}  // namespace

absl::Status MismatchInquiry::Reject(absl::Span<const Deviation> deviations,
                                     const Collection& collection) {
  for (const Deviation& d : deviations) {
    const SampleKey key = KeyOf(d);
    const Trajectory& t = TrajectoryOf(collection, key);
    Attempt attempt = {t.worker(), BytesOf(t.tokens()) + BytesOf(t.logprobs()),
                       Describe(d)};
    Attempts& attempts = open_[key];
    for (const Attempt& earlier : attempts) {
      if (earlier.bits != attempt.bits) continue;
      return Stop(
          key, absl::StrCat(
                   attempt.describe, ", and ",
                   earlier.worker == attempt.worker
                       ? absl::StrCat("worker ", attempt.worker,
                                      " gave these bits twice, and "
                                      "there is no other")
                       : absl::StrCat("workers ", earlier.worker, " and ",
                                      attempt.worker, " gave the same bits")));
    }
    const std::string message =
        absl::StrCat("step ", step_, ", sample ", NameOf(key), " of worker ",
                     attempt.worker, ": ", attempt.describe,
                     "; it is made again (attempt ", attempts.size() + 1, ")");
    attempts.push_back(std::move(attempt));
    if (attempts.size() == kMaxAttempts) {
      return Stop(key,
                  absl::StrCat(attempts.back().describe, ", and ", kMaxAttempts,
                               " attempts gave other bits each"));
    }
    LogWarning(message);
    R1_RETURN_IF_ERROR(peers_.journal->RecordEvent(step_, "mismatch", message));
    R1_RETURN_IF_ERROR(Drop(key, collection));
  }
  return absl::OkStatus();
}

absl::Status MismatchInquiry::Stop(SampleKey key,
                                   const std::string& what) const {
  return absl::FailedPreconditionError(absl::StrCat(
      "step ", step_, ", sample ", NameOf(key), ": ", what,
      "; that is above rl.max_mismatch = ", config_.rl().max_mismatch(),
      ": learner and workers must run on one kind of machine"));
}

std::vector<SampleKey> MismatchInquiry::OpenIn(const Collection& collection) {
  const uint64_t end = collection.groups.back().prompt.id() + 1;
  open_.erase(open_.lower_bound({end, 0}), open_.end());
  std::vector<SampleKey> keys;
  for (const auto& [key, attempts] : open_) keys.push_back(key);
  return keys;
}

AvoidedWorkers MismatchInquiry::avoided() const {
  AvoidedWorkers avoided;
  for (const auto& [key, attempts] : open_) {
    for (const Attempt& a : attempts) avoided[key].push_back(a.worker);
  }
  return avoided;
}

absl::StatusOr<bool> MismatchInquiry::Settle(
    absl::Span<const Deviation> deviations, const Collection& collection) {
  std::set<SampleKey> rejected;
  for (const Deviation& d : deviations) rejected.insert(KeyOf(d));
  int dropped = static_cast<int>(rejected.size());
  for (auto it = open_.begin(); it != open_.end();) {
    const auto& [key, attempts] = *it;
    if (rejected.count(key) > 0) {
      ++it;
      continue;
    }
    const std::string& witness = TrajectoryOf(collection, key).worker();
    for (const Attempt& attempt : attempts) {
      if (attempt.worker == witness) continue;  // it was no lasting fault
      R1_RETURN_IF_ERROR(Dismiss(
          attempt.worker,
          absl::StrCat("step ", step_, ", sample ", NameOf(key), ": ",
                       attempt.describe, ", as is that of worker ", witness)));
      R1_ASSIGN_OR_RETURN(const int count,
                          DropAllOf(attempt.worker, collection));
      dropped += count;
    }
    it = open_.erase(it);
  }
  R1_RETURN_IF_ERROR(Reject(deviations, collection));
  return dropped == 0;
}

absl::Status MismatchInquiry::Dismiss(const std::string& worker,
                                      const std::string& reason) {
  const std::string message =
      absl::StrCat("worker ", worker, " is out of service: ", reason);
  LogWarning(message);
  peers_.rollout->Quarantine(worker, reason);
  return peers_.journal->RecordEvent(step_, "worker-quarantined", message);
}

// Whatever was made or scored because of the sample goes first: a process that
// is killed in between finds the sample again, and rejects it again.
absl::Status MismatchInquiry::Drop(SampleKey key,
                                   const Collection& collection) {
  const auto& groups = collection.groups;
  if (config_.rl().dynamic_sampling() > 0) {
    // How many prompts later rounds drew depends on it.
    for (auto group = groups.rbegin();
         group != groups.rend() && group->prompt.id() > key.first; ++group) {
      for (uint32_t s = 0; s < group->samples.size(); ++s) {
        R1_RETURN_IF_ERROR(
            peers_.journal->DropSample(step_, group->prompt.id(), s));
      }
    }
  }
  if (peers_.reward->compares_samples()) {
    const size_t size = GroupOf(collection, key.first).samples.size();
    for (uint32_t s = 0; s < size; ++s) {
      R1_RETURN_IF_ERROR(peers_.journal->DropReward(step_, key.first, s));
    }
  }
  return peers_.journal->DropSample(step_, key.first, key.second);
}

absl::StatusOr<int> MismatchInquiry::DropAllOf(const std::string& worker,
                                               const Collection& collection) {
  int count = 0;
  for (const SampleGroup& group : collection.groups) {
    for (uint32_t s = 0; s < group.samples.size(); ++s) {
      if (group.samples[s].trajectory.worker() != worker) continue;
      R1_RETURN_IF_ERROR(Drop({group.prompt.id(), s}, collection));
      ++count;
    }
  }
  return count;
}

}  // namespace r1
