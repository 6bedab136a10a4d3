#include "rollout/worker_mailbox.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/utf8.h"

namespace r1 {

WorkerMailbox::WorkerMailbox(int max_batch)
    : target_(max_batch + std::max(1, max_batch / 2)),
      threshold_(std::max(1, max_batch / 4)) {}

bool WorkerMailbox::HasRoom() const {
  return is_closed_ || in_flight_ + threshold_ <= target_;
}

bool WorkerMailbox::HasWork() const {
  return is_closed_ || !work_.leases.empty() || !work_.lost_lease_ids.empty();
}

bool WorkerMailbox::HasResults() const {
  return is_closed_ || !results_.empty();
}

int WorkerMailbox::WaitForRoom() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &WorkerMailbox::HasRoom));
  return is_closed_ ? 0 : target_ - in_flight_;
}

void WorkerMailbox::AddLeases(const AcquireReply& reply) {
  absl::MutexLock lock(&mutex_);
  for (const Lease& lease : reply.leases()) {
    held_[lease.lease_id()] = lease.sample_indices_size();
    in_flight_ += lease.sample_indices_size();
    work_.leases.push_back(lease);
  }
}

std::vector<uint64_t> WorkerMailbox::HeldLeases() const {
  absl::MutexLock lock(&mutex_);
  std::vector<uint64_t> ids;
  for (const auto& [id, open] : held_) ids.push_back(id);
  return ids;
}

uint64_t WorkerMailbox::tokens_generated() const {
  absl::MutexLock lock(&mutex_);
  return tokens_;
}

void WorkerMailbox::AddTokens(uint64_t count) {
  absl::MutexLock lock(&mutex_);
  tokens_ += count;
}

void WorkerMailbox::Forget(uint64_t lease_id) {
  const auto it = held_.find(lease_id);
  if (it == held_.end()) return;
  in_flight_ -= it->second;
  held_.erase(it);
}

void WorkerMailbox::LoseLeases(const std::vector<uint64_t>& lease_ids) {
  absl::MutexLock lock(&mutex_);
  for (uint64_t id : lease_ids) {
    if (!held_.contains(id)) continue;  // finished meanwhile
    Forget(id);
    const auto is_lost = [id](const Lease& l) { return l.lease_id() == id; };
    // The engine hears of it only if it has taken it.
    if (std::erase_if(work_.leases, is_lost) > 0) continue;
    work_.lost_lease_ids.push_back(id);
  }
}

void WorkerMailbox::DropLease(uint64_t lease_id) {
  absl::MutexLock lock(&mutex_);
  Forget(lease_id);
}

WorkerMailbox::Work WorkerMailbox::TakeWork(bool wait) {
  absl::MutexLock lock(&mutex_);
  if (wait) mutex_.Await(absl::Condition(this, &WorkerMailbox::HasWork));
  Work work = std::exchange(work_, Work());
  work.is_closed = is_closed_;
  return work;
}

SubmitRequest* WorkerMailbox::Finish(uint64_t lease_id, size_t bytes) {
  const auto it = held_.find(lease_id);
  if (it == held_.end()) return nullptr;
  --in_flight_;
  if (--it->second == 0) held_.erase(it);
  const auto [growing, is_new] = growing_.try_emplace(lease_id);
  if (is_new || growing->second.bytes + bytes > kMaxSubmitBytes) {
    growing->second = {results_.size(), 0};
    results_.emplace_back().set_lease_id(lease_id);
  }
  growing->second.bytes += bytes;
  return &results_[growing->second.position];
}

void WorkerMailbox::Post(uint64_t lease_id, Trajectory trajectory) {
  absl::MutexLock lock(&mutex_);
  SubmitRequest* request = Finish(lease_id, trajectory.ByteSizeLong());
  if (request == nullptr) return;
  *request->add_trajectories() = std::move(trajectory);
}

void WorkerMailbox::PostError(uint64_t lease_id, uint32_t sample_index,
                              const absl::Status& error) {
  absl::MutexLock lock(&mutex_);
  SubmitRequest* request = Finish(lease_id, error.message().size());
  if (request == nullptr) return;
  SampleError* added = request->add_errors();
  added->set_sample_index(sample_index);
  added->set_code(static_cast<int>(error.code()));
  added->set_message(ToValidUtf8(error.message()));
}

std::vector<SubmitRequest> WorkerMailbox::TakeResults() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &WorkerMailbox::HasResults));
  growing_.clear();
  return std::exchange(results_, {});
}

void WorkerMailbox::Close(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (is_closed_) return;
  is_closed_ = true;
  status_ = status;
}

bool WorkerMailbox::is_closed() const {
  absl::MutexLock lock(&mutex_);
  return is_closed_;
}

absl::Status WorkerMailbox::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

bool WorkerMailbox::WaitClosed(absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&is_closed_), timeout);
}

}  // namespace r1
