#include "rollout/lease_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace r1 {
namespace {

// Who has begun a group, from the view of a worker.
enum class Affinity { kOwn, kUntouched, kOther };

Affinity AffinityOf(uint64_t last_worker, uint64_t worker_id) {
  if (last_worker == worker_id) return Affinity::kOwn;
  return last_worker == 0 ? Affinity::kUntouched : Affinity::kOther;
}

}  // namespace

void LeaseTable::Add(RolloutWork work, const WeightsId& weights) {
  works_.push_back(std::make_unique<Work>());
  Work* added = works_.back().get();
  added->weights = weights;
  for (uint32_t index : work.sample_indices) {
    Sample& sample = samples_[{work.prompt.id(), index}];
    R1_CHECK(sample.work == nullptr || sample.is_done,
             "a sample is wanted once at a time");
    sample = {added, 0, false};
    R1_CHECK(added->pending.insert(index).second,
             "the samples of one work differ");
  }
  num_pending_ += work.sample_indices.size();
  num_open_ += work.sample_indices.size();
  added->work = std::move(work);
}

void LeaseTable::Clear() {
  R1_CHECK(num_open_ == 0, "only what is done can be forgotten");
  works_.clear();
  samples_.clear();
  leases_.clear();
  first_id_of_now_ = next_id_;
}

int LeaseTable::NumLeased(uint64_t worker_id) const {
  int count = 0;
  for (const auto& [id, lease] : leases_) {
    if (lease.worker_id == worker_id) count += lease.open.size();
  }
  return count;
}

std::vector<Lease> LeaseTable::Grant(
    uint64_t worker_id, int quota, int capacity, absl::Time expiry,
    absl::FunctionRef<bool(const RolloutWork&)> may_take) {
  std::vector<Lease> leases;
  int left = std::min(quota, capacity);
  for (Affinity affinity :
       {Affinity::kOwn, Affinity::kUntouched, Affinity::kOther}) {
    for (const std::unique_ptr<Work>& work : works_) {
      if (left <= 0 || num_pending_ == 0) return leases;
      if (work->pending.empty()) continue;
      if (AffinityOf(work->last_worker, worker_id) != affinity) continue;
      if (!may_take(work->work)) continue;
      const int pending = work->pending.size();
      int count = std::min(left, pending);
      if (count * 2 < pending && !leases.empty()) return leases;
      if (count * 2 >= pending && pending <= capacity &&
          pending < num_pending_) {
        count = pending;
      }
      leases.push_back(MakeLease(work.get(), worker_id, count, expiry));
      left -= count;
      capacity -= count;
    }
  }
  return leases;
}

Lease LeaseTable::MakeLease(Work* work, uint64_t worker_id, int count,
                            absl::Time expiry) {
  const uint64_t id = next_id_++;
  LeaseState& state = leases_[id];
  state.worker_id = worker_id;
  state.work = work;
  state.expiry = expiry;
  Lease lease;
  lease.set_lease_id(id);
  *lease.mutable_prompt() = work->work.prompt;
  *lease.mutable_sampling() = work->work.sampling;
  *lease.mutable_weights() = work->weights;
  lease.set_seed(work->work.seed);
  for (int i = 0; i < count; ++i) {
    const uint32_t index = *work->pending.begin();
    work->pending.erase(work->pending.begin());
    samples_[{work->work.prompt.id(), index}].lease_id = id;
    state.open.insert(index);
    lease.add_sample_indices(index);
  }
  work->last_worker = worker_id;
  num_pending_ -= count;
  return lease;
}

bool LeaseTable::Owns(uint64_t worker_id, uint64_t lease_id) const {
  const auto it = leases_.find(lease_id);
  return it != leases_.end() && it->second.worker_id == worker_id;
}

uint64_t LeaseTable::PromptOf(uint64_t lease_id) const {
  return leases_.at(lease_id).work->work.prompt.id();
}

bool LeaseTable::WasIssued(uint64_t lease_id) const {
  return lease_id >= first_id_ && lease_id < next_id_;
}

bool LeaseTable::Renew(uint64_t worker_id, uint64_t lease_id,
                       absl::Time expiry) {
  if (!Owns(worker_id, lease_id)) return false;
  leases_[lease_id].expiry = expiry;
  return true;
}

int LeaseTable::ReleaseIf(
    const std::function<bool(const LeaseState&)>& condition) {
  int count = 0;
  for (auto it = leases_.begin(); it != leases_.end();) {
    LeaseState& lease = it->second;
    if (!condition(lease)) {
      ++it;
      continue;
    }
    for (uint32_t index : lease.open) {
      samples_[{lease.work->work.prompt.id(), index}].lease_id = 0;
      lease.work->pending.insert(index);
    }
    lease.work->last_worker = 0;
    count += lease.open.size();
    it = leases_.erase(it);
  }
  num_pending_ += count;
  return count;
}

int LeaseTable::Expire(absl::Time now) {
  return ReleaseIf([&](const LeaseState& l) { return l.expiry <= now; });
}

int LeaseTable::ReleaseWorker(uint64_t worker_id) {
  return ReleaseIf(
      [&](const LeaseState& l) { return l.worker_id == worker_id; });
}

int LeaseTable::ReleaseLease(uint64_t lease_id) {
  const auto it = leases_.find(lease_id);
  if (it == leases_.end()) return 0;
  const LeaseState* lease = &it->second;
  return ReleaseIf([&](const LeaseState& l) { return &l == lease; });
}

absl::Time LeaseTable::NextExpiry() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, lease] : leases_) next = std::min(next, lease.expiry);
  return next;
}

LeaseTable::SampleView LeaseTable::Find(uint64_t prompt_id,
                                        uint32_t sample_index) const {
  const auto it = samples_.find(Key(prompt_id, sample_index));
  if (it == samples_.end()) return {};
  const Sample& sample = it->second;
  SampleView view;
  view.work = &sample.work->work;
  view.version = sample.work->weights.version();
  view.state = sample.is_done         ? State::kDone
               : sample.lease_id == 0 ? State::kPending
                                      : State::kLeased;
  if (view.state == State::kLeased) {
    view.lease_id = sample.lease_id;
    view.worker_id = leases_.at(sample.lease_id).worker_id;
  }
  return view;
}

void LeaseTable::Complete(uint64_t prompt_id, uint32_t sample_index) {
  const auto it = samples_.find(Key(prompt_id, sample_index));
  R1_CHECK(it != samples_.end() && !it->second.is_done,
           "only a wanted sample can be done");
  Sample& sample = it->second;
  if (sample.lease_id == 0) {
    sample.work->pending.erase(sample_index);
    --num_pending_;
  } else {
    const auto lease = leases_.find(sample.lease_id);
    lease->second.open.erase(sample_index);
    if (lease->second.open.empty()) leases_.erase(lease);
  }
  sample.is_done = true;
  sample.lease_id = 0;
  --num_open_;
}

void LeaseTable::Reassign(uint64_t prompt_id, uint32_t sample_index,
                          std::vector<std::string> avoid) {
  const Work* work = samples_.at(Key(prompt_id, sample_index)).work;
  RolloutWork again = work->work;
  again.sample_indices = {sample_index};
  again.avoid = std::move(avoid);
  const WeightsId weights = work->weights;
  Complete(prompt_id, sample_index);
  Add(std::move(again), weights);
}

std::vector<std::pair<uint64_t, uint32_t>> LeaseTable::OpenSamples() const {
  std::vector<Key> open;
  for (const auto& [key, sample] : samples_) {
    if (!sample.is_done) open.push_back(key);
  }
  std::sort(open.begin(), open.end());
  return open;
}

}  // namespace r1
