// The coordinator's other half: what workers call.
#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
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
  if (request.device() != options_.device) {
    return refuse("device", request.device(), options_.device,
                  "start the worker on a machine of the learner's kind, with "
                  "its --device");
  }
  absl::MutexLock lock(&mutex_);
  const auto quarantined = quarantined_.find(request.worker_name());
  if (quarantined != quarantined_.end()) {
    return absl::PermissionDeniedError(absl::StrCat(
        "worker ", request.worker_name(), " is out of service for this run: ",
        quarantined->second, "; check its machine"));
  }
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
  reply.set_has_bf16_weights(options_.model.weights_dtype == DType::kBF16);
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
    const auto may_take = [&](const RolloutWork& work) {
      mutex_.AssertHeld();
      return !absl::c_linear_search(work.avoid, worker->name) ||
             !HasOtherWorkers(work.avoid);
    };
    for (Lease& lease : table_.Grant(request.worker_id(), quota, capacity,
                                     now + options_.lease_ttl, may_take)) {
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

bool Coordinator::WasAskedFor(uint64_t worker_id, uint64_t lease_id,
                              const SampleKey& key) const {
  if (!table_.WasIssued(lease_id)) return false;
  if (table_.IsOver(lease_id)) return true;  // its samples are all there
  const LeaseTable::SampleView sample = table_.Find(key.first, key.second);
  if (sample.work == nullptr) return false;
  return !table_.Owns(worker_id, lease_id) ||
         sample.state == LeaseTable::State::kDone ||
         sample.lease_id == lease_id || faults_.count(key) > 0;
}

absl::StatusOr<SubmitReply> Coordinator::Submit(SubmitRequest request) {
  absl::MutexLock lock(&mutex_);
  R1_ASSIGN_OR_RETURN(WorkerState * worker, FindWorker(request.worker_id()));
  const uint64_t lease_id = request.lease_id();
  const bool is_owner = table_.Owns(request.worker_id(), lease_id);
  // All or nothing: first look, then take.
  for (const Trajectory& t : request.trajectories()) {
    if (WasAskedFor(request.worker_id(), lease_id,
                    {t.prompt_id(), t.sample_index()})) {
      continue;
    }
    stats_.refused += request.trajectories_size();
    if (is_owner) Requeued(table_.ReleaseLease(lease_id));
    const absl::Status refusal = absl::InvalidArgumentError(
        absl::StrCat("nobody asked for sample ", t.sample_index(),
                     " of prompt ", t.prompt_id(), " under lease ", lease_id));
    LogWarning(absl::StrCat("refused from worker ", worker->name, ": ",
                            refusal.message()));
    return refusal;
  }
  // The prompt of its errors; the lease may end below.
  const uint64_t prompt_id = is_owner ? table_.PromptOf(lease_id) : 0;
  SubmitReply reply;
  for (Trajectory& t : *request.mutable_trajectories()) {
    const SampleKey key{t.prompt_id(), t.sample_index()};
    const LeaseTable::SampleView sample = table_.Find(key.first, key.second);
    if (table_.IsOver(lease_id) || sample.state == LeaseTable::State::kDone) {
      reply.set_duplicates(reply.duplicates() + 1);
      ++stats_.duplicates;
      continue;
    }
    const absl::Status fault =
        CheckTrajectory(t, sample.work->prompt.token_ids_size(),
                        sample.work->sampling, sample.version, options_.model);
    if (fault.ok()) {
      Take(worker, std::move(t));
      continue;
    }
    ++stats_.refused;
    // A repeated call has told of it before.
    if (sample.lease_id == lease_id) NoteFault(worker->name, key, fault);
  }
  for (const SampleError& error : request.errors()) {
    const SampleKey key{prompt_id, error.sample_index()};
    const LeaseTable::SampleView sample = table_.Find(key.first, key.second);
    if (!is_owner || sample.lease_id != lease_id) continue;  // another has it
    const bool is_code = error.code() > 0 && error.code() <= 16;
    NoteFault(worker->name, key,
              absl::Status(is_code ? static_cast<absl::StatusCode>(error.code())
                                   : absl::StatusCode::kUnknown,
                           error.message()));
  }
  result_changed_.SignalAll();
  return reply;
}

void Coordinator::Take(WorkerState* worker, Trajectory trajectory) {
  const SampleKey key{trajectory.prompt_id(), trajectory.sample_index()};
  table_.Complete(key.first, key.second);
  ++worker->samples_finished;
  trajectory.set_worker(worker->name);
  results_.push_back(std::move(trajectory));
  const auto fault = faults_.extract(key);
  if (fault.empty()) return;
  const std::string what =
      absl::StrCat("sample ", key.first, "/", key.second, " (",
                   fault.mapped().error.message(), ")");
  if (fault.mapped().worker == worker->name) {
    Tell("worker", absl::StrCat("worker ", worker->name, " failed on ", what,
                                ", and did not when it tried again"));
    return;
  }
  const std::string reason = absl::StrCat(
      "it failed on ", what, ", which worker ", worker->name, " generated");
  Tell("worker-quarantined", absl::StrCat("worker ", fault.mapped().worker,
                                          " is out of service: ", reason));
  Dismiss(fault.mapped().worker, reason);
}

void Coordinator::NoteFault(const std::string& worker, const SampleKey& key,
                            const absl::Status& error) {
  const auto [fault, is_first] = faults_.try_emplace(key, Fault{worker, error});
  if (is_first) {
    Tell("worker",
         absl::StrCat("worker ", worker, " failed on sample ", key.first, "/",
                      key.second, ", which another tries: ", error.message()));
    table_.Reassign(key.first, key.second, {worker});
    Requeued(1);
    return;
  }
  const std::string& first = fault->second.worker;
  if (error_.ok()) {
    error_ = absl::Status(
        error.code(),
        first == worker
            ? absl::StrCat(
                  "worker ", worker,
                  ", and there is no other, failed twice: ", error.message())
            : absl::StrCat("workers ", first, " and ", worker,
                           " both failed: ", error.message()));
  }
}

void Coordinator::Dismiss(const std::string& worker,
                          const std::string& reason) {
  quarantined_.emplace(worker, reason);
  // What else it failed on proves nothing any more.
  std::erase_if(faults_, [&](const auto& fault) {
    return fault.second.worker == worker;
  });
  int count = 0;
  for (auto it = workers_.begin(); it != workers_.end();) {
    if (it->second.name == worker) {
      count += table_.ReleaseWorker(it->first);
      it = workers_.erase(it);
    } else {
      ++it;
    }
  }
  Requeued(count);
  work_changed_.SignalAll();
}

bool Coordinator::HasOtherWorkers(const std::vector<std::string>& avoid) const {
  return absl::c_any_of(workers_, [&](const auto& worker) {
    return !absl::c_linear_search(avoid, worker.second.name);
  });
}

void Coordinator::Tell(const std::string& kind,
                       const std::string& message) const {
  LogWarning(message);
  if (options_.on_event) options_.on_event(kind, message);
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
