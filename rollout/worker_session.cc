#include "rollout/worker_session.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

// How long a call for work waits on the coordinator's side.
constexpr int64_t kAcquireWaitMs = 10000;

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

WorkerSession::WorkerSession(const JoinReply& joined, absl::Duration reconnect,
                             CoordinatorClient* client, WeightSource* weights,
                             Engine* engine, FinishedSamples* undelivered)
    : worker_id_(joined.worker_id()),
      lease_ttl_(absl::Milliseconds(joined.lease_ttl_ms())),
      // Later than that the coordinator has given the samples to others.
      reconnect_(std::min(reconnect, lease_ttl_)),
      client_(client),
      source_(weights),
      engine_(engine),
      undelivered_(undelivered),
      mailbox_(joined.max_batch()) {}

absl::Status WorkerSession::Run() {
  std::thread puller([this] { PullLeases(); });
  std::thread renewer([this] { RenewLeases(); });
  std::thread sender([this] { SendResults(); });
  Generate();
  puller.join();
  renewer.join();
  sender.join();
  CancelAll();
  KeepUndelivered();
  const absl::Status status = mailbox_.status();
  if (!IsTransient(status) && !absl::IsNotFound(status)) {
    LeaveRequest leave;
    leave.set_worker_id(worker_id_);
    leave.set_reason(status.ok() ? std::string("the run is finished")
                                 : std::string(status.message()));
    // The coordinator may be gone already: then there is nothing to leave.
    client_->Leave(leave).IgnoreError();
  }
  return status;
}

void WorkerSession::Stop() { Close(absl::CancelledError("stopped")); }

void WorkerSession::Close(const absl::Status& status) {
  mailbox_.Close(status);
  client_->Cancel();
}

absl::Status WorkerSession::Retry(absl::string_view what,
                                  absl::FunctionRef<absl::Status()> call) {
  absl::Duration pause = absl::Milliseconds(50);
  for (int attempt = 1;; ++attempt) {
    const absl::Status status = call();
    if (!IsTransient(status)) return status;
    const absl::Duration left =
        client_->last_contact() + reconnect_ - absl::Now();
    if (left <= absl::ZeroDuration()) return status;
    LogWarning(
        absl::StrCat("cannot ", what, " (attempt ", attempt, ", for another ",
                     absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))),
                     "): ", status.message()));
    if (mailbox_.WaitClosed(std::min(pause, left))) return status;
    pause = std::min(2 * pause, absl::Seconds(2));
  }
}

void WorkerSession::PullLeases() {
  AcquireRequest request;
  request.set_worker_id(worker_id_);
  request.set_wait_ms(kAcquireWaitMs);
  for (;;) {
    request.set_max_samples(mailbox_.WaitForRoom());
    if (request.max_samples() == 0) return;
    const absl::Status status = Retry("ask for work", [&] {
      absl::StatusOr<AcquireReply> reply = client_->Acquire(request);
      R1_RETURN_IF_ERROR(reply.status());
      mailbox_.AddLeases(*reply);
      if (reply->run_finished()) Close(absl::OkStatus());
      return absl::OkStatus();
    });
    if (!status.ok()) return Close(status);
  }
}

void WorkerSession::RenewLeases() {
  while (!mailbox_.is_closed()) {
    absl::Status status = Retry("stay connected", [&] { return Wait(); });
    if (status.ok()) {
      status = Retry("renew leases", [&] { return RenewOnce(); });
    }
    if (!status.ok()) return Close(status);
  }
}

// Waits for a third of the leases' time in a call that asks for nothing: if
// this process dies, the coordinator learns it from the broken call.
absl::Status WorkerSession::Wait() {
  AcquireRequest request;
  request.set_worker_id(worker_id_);
  request.set_wait_ms(absl::ToInt64Milliseconds(lease_ttl_ / 3));
  absl::StatusOr<AcquireReply> reply = client_->Acquire(request);
  R1_RETURN_IF_ERROR(reply.status());
  if (reply->run_finished()) Close(absl::OkStatus());
  return absl::OkStatus();
}

absl::Status WorkerSession::RenewOnce() {
  RenewRequest request;
  request.set_worker_id(worker_id_);
  request.set_tokens_generated(mailbox_.tokens_generated());
  for (uint64_t id : mailbox_.HeldLeases()) request.add_lease_ids(id);
  absl::StatusOr<RenewReply> reply = client_->Renew(request);
  R1_RETURN_IF_ERROR(reply.status());
  mailbox_.LoseLeases(
      {reply->lost_lease_ids().begin(), reply->lost_lease_ids().end()});
  return absl::OkStatus();
}

void WorkerSession::SendResults() {
  for (;;) {
    std::vector<SubmitRequest> requests = mailbox_.TakeResults();
    if (requests.empty()) return;
    for (size_t i = 0; i < requests.size(); ++i) {
      requests[i].set_worker_id(worker_id_);
      const absl::Status status = Retry("send results", [&] {
        return client_->Submit(requests[i]).status();
      });
      if (status.ok()) continue;
      unsent_.assign(std::make_move_iterator(requests.begin() + i),
                     std::make_move_iterator(requests.end()));
      return Close(status);
    }
  }
}

void WorkerSession::Generate() {
  while (!mailbox_.is_closed()) {
    const absl::Status status = GenerateStep();
    if (!status.ok()) return Close(status);
  }
}

absl::Status WorkerSession::GenerateStep() {
  const WorkerMailbox::Work work = mailbox_.TakeWork(engine_->idle());
  if (work.is_closed) return absl::OkStatus();
  for (uint64_t id : work.lost_lease_ids) CancelLease(id);
  for (const Lease& lease : work.leases) {
    R1_RETURN_IF_ERROR(StartLease(lease));
  }
  if (weights_ != nullptr && !source_->IsCurrent(weights_id_)) CancelAll();
  if (!engine_->idle()) {
    const uint64_t tokens = engine_->stats().drawn_tokens;
    engine_->Step(*weights_, &done_);
    mailbox_.AddTokens(engine_->stats().drawn_tokens - tokens);
  }
  // Before the last result goes out: the learner may want to change them next.
  if (engine_->idle()) weights_ = nullptr;
  PostDone();
  return absl::OkStatus();
}

void WorkerSession::PostDone() {
  for (Finished& finished : done_) {
    const LeasedSample sample = sample_of_.extract(finished.key).mapped();
    if (!finished.status.ok()) {
      mailbox_.PostError(sample.lease_id, sample.index, finished.status);
      continue;
    }
    finished.trajectory.set_policy_version(weights_id_.version());
    mailbox_.Post(sample.lease_id, std::move(finished.trajectory));
  }
  done_.clear();
}

// Called when all threads have ended.
void WorkerSession::KeepUndelivered() {
  for (SubmitRequest& request : mailbox_.TakeResults()) {
    unsent_.push_back(std::move(request));
  }
  for (SubmitRequest& request : unsent_) {
    const auto origin = origins_.find(request.lease_id());
    if (origin == origins_.end()) continue;
    for (Trajectory& t : *request.mutable_trajectories()) {
      undelivered_->Keep(origin->second, std::move(t));
    }
  }
}

absl::Status WorkerSession::StartLease(const Lease& lease) {
  const uint64_t version = lease.weights().version();
  if (std::exchange(origins_version_, version) != version) origins_.clear();
  undelivered_->DropBefore(version);
  const std::string& origin = origins_[lease.lease_id()] = SampleOrigin(lease);
  std::vector<uint32_t> missing;
  for (uint32_t index : lease.sample_indices()) {
    std::optional<Trajectory> finished = undelivered_->Take(origin, index);
    if (finished.has_value()) {
      mailbox_.Post(lease.lease_id(), *std::move(finished));
    } else {
      missing.push_back(index);
    }
  }
  if (missing.empty()) return absl::OkStatus();
  const absl::Status ready = UseWeights(lease.weights());
  if (absl::IsNotFound(ready)) {
    // The learner has moved on, so this lease is no longer ours.
    LogInfo(absl::StrCat("dropping lease ", lease.lease_id(), ": ",
                         ready.message()));
    mailbox_.DropLease(lease.lease_id());
    return absl::OkStatus();
  }
  R1_RETURN_IF_ERROR(ready);
  const auto prompt = std::make_shared<const std::vector<int32_t>>(
      lease.prompt().token_ids().begin(), lease.prompt().token_ids().end());
  for (uint32_t index : missing) {
    const uint64_t key = next_key_++;
    const absl::Status status =
        engine_->Add({key, prompt, lease.seed(), lease.prompt().id(), index,
                      lease.sampling()});
    if (!status.ok()) {
      mailbox_.PostError(lease.lease_id(), index, status);
      continue;
    }
    sample_of_[key] = {lease.lease_id(), index};
  }
  return absl::OkStatus();
}

// Work with other weights than these is stale: the coordinator publishes a
// version only when nothing of the one before is wanted.
absl::Status WorkerSession::UseWeights(const WeightsId& id) {
  if (weights_ != nullptr && weights_id_.version() == id.version() &&
      weights_id_.sha256() == id.sha256()) {
    return absl::OkStatus();
  }
  CancelAll();
  R1_ASSIGN_OR_RETURN(weights_, source_->Get(id));
  weights_id_ = id;
  return absl::OkStatus();
}

void WorkerSession::CancelLease(uint64_t lease_id) {
  for (auto it = sample_of_.begin(); it != sample_of_.end();) {
    const auto next = std::next(it);
    if (it->second.lease_id == lease_id) {
      engine_->Cancel(it->first);
      sample_of_.erase(it);
    }
    it = next;
  }
}

void WorkerSession::CancelAll() {
  engine_->CancelAll();
  for (const auto& [key, sample] : sample_of_) {
    mailbox_.DropLease(sample.lease_id);
  }
  sample_of_.clear();
  weights_ = nullptr;
}

}  // namespace r1
