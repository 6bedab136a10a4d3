// The coordinator's other half: what workers call.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "rollout/coordinator.h"
#include "rollout/trajectory_check.h"

namespace r1 {
namespace {

// Most samples of one Acquire call, whatever the worker asks for.
constexpr uint32_t kMaxSamples = 1 << 16;

}  // namespace

absl::StatusOr<JoinReply> Coordinator::Join(const JoinRequest& request) {
  const auto refuse = [&](absl::string_view what, const std::string& theirs,
                          const std::string& ours, absl::string_view remedy) {
    return absl::FailedPreconditionError(
        absl::StrCat("worker ", request.worker_name(), " has ", what, " ",
                     theirs, ", but this run needs ", ours, "; ", remedy));
  };
  if (request.build_id() != options_.build_id) {
    return refuse("build", request.build_id(), options_.build_id,
                  "start the worker from the binary that runs the learner");
  }
  if (request.simd_target() != options_.simd_target) {
    return refuse("instruction set", request.simd_target(),
                  options_.simd_target,
                  "start the worker on a machine of the learner's kind");
  }
  absl::MutexLock lock(&mutex_);
  const uint64_t id = next_worker_id_++;
  WorkerState& worker = workers_[id];
  worker.name = request.worker_name();
  worker.last_heard = options_.now();
  work_changed_.SignalAll();
  JoinReply reply;
  reply.set_worker_id(id);
  reply.set_lease_ttl_ms(absl::ToInt64Milliseconds(options_.lease_ttl));
  reply.set_config_json(options_.config_json);
  reply.set_tokenizer_json(options_.tokenizer_json);
  reply.set_max_batch(options_.max_batch);
  return reply;
}

absl::StatusOr<Coordinator::WorkerState*> Coordinator::FindWorker(
    uint64_t worker_id) {
  const auto it = workers_.find(worker_id);
  if (it == workers_.end()) {
    return absl::NotFoundError(
        absl::StrCat("worker id ", worker_id, " is unknown; join again"));
  }
  it->second.last_heard = options_.now();
  it->second.gone_at = absl::InfiniteFuture();
  return &it->second;
}

absl::Status Coordinator::Heard(uint64_t worker_id) {
  absl::MutexLock lock(&mutex_);
  return FindWorker(worker_id).status();
}

// How many more samples the worker may get: its share of all open ones, less
// what it has. Others may be about to ask; whoever waits long enough gets the
// rest.
int Coordinator::Quota(uint64_t worker_id, const WorkerState& worker,
                       absl::Time now) const {
  if (now - worker.waiting_since >= options_.share_grace) {
    return table_.num_pending();
  }
  const int num_workers = workers_.size();
  const int share = (table_.num_open() + num_workers - 1) / num_workers;
  return std::max(0, share - table_.NumLeased(worker_id));
}

absl::StatusOr<AcquireReply> Coordinator::Acquire(
    const AcquireRequest& request, const std::function<bool()>& is_cancelled) {
  absl::MutexLock lock(&mutex_);
  const absl::Time until =
      options_.now() +
      absl::Milliseconds(std::max<int64_t>(0, request.wait_ms()));
  AcquireReply reply;
  for (;;) {
    R1_ASSIGN_OR_RETURN(WorkerState * worker, FindWorker(request.worker_id()));
    const absl::Time now = options_.now();
    if (is_finished_) {
      reply.set_run_finished(true);
      return reply;
    }
    Expire(now);
    const bool is_settled = now >= settled_at_;
    const int quota = is_settled ? Quota(request.worker_id(), *worker, now) : 0;
    const int capacity = std::min(request.max_samples(), kMaxSamples);
    for (Lease& lease : table_.Grant(request.worker_id(), quota, capacity,
                                     now + options_.lease_ttl)) {
      *reply.add_leases() = std::move(lease);
    }
    if (reply.leases_size() > 0) {
      worker->waiting_since = absl::InfiniteFuture();
      // The learner may be waiting for an earlier expiry than this lease's.
      result_changed_.SignalAll();
      return reply;
    }
    if (capacity > 0) {
      worker->waiting_since = table_.num_pending() == 0
                                  ? absl::InfiniteFuture()
                                  : std::min(worker->waiting_since, now);
    }
    if (now >= until) return reply;
    work_changed_.WaitWithTimeout(
        &mutex_, std::min({until - now, kWaitSlice,
                           is_settled ? kWaitSlice : settled_at_ - now}));
    if (is_cancelled()) {
      // The worker may have joined, or left, on another connection meanwhile.
      const auto it = workers_.find(request.worker_id());
      if (it != workers_.end()) {
        it->second.gone_at = options_.now() + options_.return_grace;
        result_changed_.SignalAll();
      }
      return reply;
    }
  }
}

absl::StatusOr<RenewReply> Coordinator::Renew(const RenewRequest& request) {
  absl::MutexLock lock(&mutex_);
  R1_ASSIGN_OR_RETURN(WorkerState * worker, FindWorker(request.worker_id()));
  const absl::Time now = options_.now();
  Expire(now);
  worker->tokens_generated = request.tokens_generated();
  RenewReply reply;
  for (uint64_t id : request.lease_ids()) {
    if (!table_.Renew(request.worker_id(), id, now + options_.lease_ttl)) {
      reply.add_lost_lease_ids(id);
    }
  }
  return reply;
}

// Sets is_late if the trajectory is well-formed but no longer needed.
absl::Status Coordinator::CheckSubmitted(uint64_t worker_id, uint64_t lease_id,
                                         const Trajectory& t,
                                         bool* is_late) const {
  const auto nobody = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("nobody asked for sample ", t.sample_index(),
                     " of prompt ", t.prompt_id(), " under lease ", lease_id));
  };
  *is_late = false;
  if (!table_.WasIssued(lease_id)) return nobody();
  if (table_.IsOver(lease_id)) {
    *is_late = true;  // of work whose samples are all there
    return absl::OkStatus();
  }
  const LeaseTable::SampleView sample =
      table_.Find(t.prompt_id(), t.sample_index());
  if (sample.work == nullptr) return nobody();
  if (table_.Owns(worker_id, lease_id) &&
      sample.state != LeaseTable::State::kDone && sample.lease_id != lease_id) {
    return nobody();
  }
  *is_late = sample.state == LeaseTable::State::kDone;
  return CheckTrajectory(t, sample.work->prompt.token_ids_size(),
                         sample.work->sampling, sample.version, options_.model);
}

absl::StatusOr<SubmitReply> Coordinator::Submit(SubmitRequest request) {
  absl::MutexLock lock(&mutex_);
  R1_ASSIGN_OR_RETURN(WorkerState * worker, FindWorker(request.worker_id()));
  const bool is_owner = table_.Owns(request.worker_id(), request.lease_id());
  if (request.error_code() != 0 && is_owner && error_.ok()) {
    const bool is_code = request.error_code() > 0 && request.error_code() <= 16;
    error_ = absl::Status(
        is_code ? static_cast<absl::StatusCode>(request.error_code())
                : absl::StatusCode::kUnknown,
        absl::StrCat("worker ", worker->name, ": ", request.error_message()));
    result_changed_.SignalAll();
  }
  // All or nothing: first look, then take.
  bool is_late = false;
  for (const Trajectory& t : request.trajectories()) {
    const absl::Status status =
        CheckSubmitted(request.worker_id(), request.lease_id(), t, &is_late);
    if (status.ok()) continue;
    stats_.refused += request.trajectories_size();
    if (is_owner) Requeued(table_.ReleaseLease(request.lease_id()));
    LogWarning(absl::StrCat("refused from worker ", worker->name, ": ",
                            status.message()));
    return status;
  }
  SubmitReply reply;
  for (Trajectory& t : *request.mutable_trajectories()) {
    const LeaseTable::State state =
        table_.Find(t.prompt_id(), t.sample_index()).state;
    if (table_.IsOver(request.lease_id()) ||
        state == LeaseTable::State::kDone) {
      reply.set_duplicates(reply.duplicates() + 1);
      ++stats_.duplicates;
      continue;
    }
    table_.Complete(t.prompt_id(), t.sample_index());
    ++worker->samples_finished;
    results_.push_back(std::move(t));
  }
  result_changed_.SignalAll();
  return reply;
}

absl::Status Coordinator::Leave(const LeaveRequest& request) {
  absl::MutexLock lock(&mutex_);
  R1_ASSIGN_OR_RETURN(WorkerState * worker, FindWorker(request.worker_id()));
  const int count = table_.ReleaseWorker(request.worker_id());
  if (!is_finished_) {
    LogInfo(absl::StrCat("worker ", worker->name, " left (", request.reason(),
                         "); ", count, " of its samples go to others"));
  }
  workers_.erase(request.worker_id());
  Requeued(count);
  work_changed_.SignalAll();
  return absl::OkStatus();
}

}  // namespace r1
