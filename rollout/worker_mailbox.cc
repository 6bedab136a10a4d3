#include "rollout/worker_mailbox.h"

#include <algorithm>
#include <string>
#include <utility>

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

void WorkerMailbox::Post(uint64_t lease_id, Trajectory trajectory) {
  absl::MutexLock lock(&mutex_);
  const auto it = held_.find(lease_id);
  if (it == held_.end()) return;
  SubmitRequest& request = results_[lease_id];
  request.set_lease_id(lease_id);
  *request.add_trajectories() = std::move(trajectory);
  --in_flight_;
  if (--it->second == 0) held_.erase(it);
}

void WorkerMailbox::PostError(uint64_t lease_id, const absl::Status& error) {
  absl::MutexLock lock(&mutex_);
  SubmitRequest& request = results_[lease_id];
  request.set_lease_id(lease_id);
  request.set_error_code(static_cast<int>(error.code()));
  request.set_error_message(std::string(error.message()));
}

std::vector<SubmitRequest> WorkerMailbox::TakeResults() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &WorkerMailbox::HasResults));
  std::vector<SubmitRequest> requests;
  for (auto& [id, request] : results_) requests.push_back(std::move(request));
  results_.clear();
  return requests;
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
