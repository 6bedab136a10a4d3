#include "rollout/coordinator.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "rollout/trajectory_check.h"

namespace r1 {
namespace {

// How often a waiting call looks whether its caller is still there.
constexpr absl::Duration kSlice = absl::Milliseconds(200);

absl::Time MonotonicNow() {
  return absl::UnixEpoch() +
         absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// Ids of a restarted learner never meet those of the one before it: they start
// at the wall-clock time in microseconds.
uint64_t FirstId() { return absl::ToUnixMicros(absl::Now()); }

CoordinatorOptions WithClock(CoordinatorOptions options) {
  if (!options.now) options.now = MonotonicNow;
  return options;
}

}  // namespace

Coordinator::Coordinator(CoordinatorOptions options)
    : options_(WithClock(std::move(options))),
      next_worker_id_(FirstId()),
      table_(FirstId()) {}

Coordinator::~Coordinator() = default;

absl::Status Coordinator::Publish(const WeightsId& id,
                                  std::shared_ptr<const ModelWeights> weights) {
  {
    absl::MutexLock lock(&mutex_);
    if (table_.num_open() > 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "weights of version ", id.version(), " cannot be published while ",
          table_.num_open(), " samples of version ", weights_id_.version(),
          " are outstanding"));
    }
    table_.Clear();
    weights_id_ = id;
    has_weights_ = true;
  }
  weights_.Publish(id, std::move(weights));
  return absl::OkStatus();
}

void Coordinator::Retract() {
  {
    absl::MutexLock lock(&mutex_);
    R1_CHECK(table_.num_open() == 0, "no work is outstanding");
    has_weights_ = false;
  }
  weights_.Retract();
}

void Coordinator::Enqueue(RolloutWork work) {
  absl::MutexLock lock(&mutex_);
  R1_CHECK(has_weights_, "weights are published before work is enqueued");
  table_.Add(std::move(work), weights_id_);
  work_changed_.SignalAll();
}

absl::StatusOr<Trajectory> Coordinator::Next(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const absl::Time until = options_.now() + (deadline - absl::Now());
  for (;;) {
    R1_RETURN_IF_ERROR(error_);
    if (!results_.empty()) {
      Trajectory trajectory = std::move(results_.front());
      results_.pop_front();
      return trajectory;
    }
    if (table_.num_open() == 0) {
      return absl::FailedPreconditionError("no sample is outstanding");
    }
    const absl::Time now = options_.now();
    Expire(now);
    if (now >= until) return absl::DeadlineExceededError(DescribeOpen());
    result_changed_.WaitWithTimeout(&mutex_,
                                    std::min(until, table_.NextExpiry()) - now);
  }
}

std::vector<WorkerStatus> Coordinator::Workers() const {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.now();
  std::vector<WorkerStatus> statuses;
  for (const auto& [id, worker] : workers_) {
    statuses.push_back({worker.name, table_.NumLeased(id),
                        worker.samples_finished, worker.tokens_generated,
                        now - worker.last_heard});
  }
  return statuses;
}

absl::Status Coordinator::WaitForWorkers(int count, absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  while (static_cast<int>(workers_.size()) < count) {
    if (work_changed_.WaitWithDeadline(&mutex_, deadline)) {
      return absl::DeadlineExceededError(absl::StrCat(
          workers_.size(), " of ", count, " rollout workers have joined"));
    }
  }
  return absl::OkStatus();
}

void Coordinator::FinishRun(absl::Duration grace) {
  absl::MutexLock lock(&mutex_);
  is_finished_ = true;
  work_changed_.SignalAll();
  const absl::Time until = options_.now() + grace;
  for (;;) {
    const absl::Time now = options_.now();
    Expire(now);
    if (workers_.empty() || now >= until) return;
    work_changed_.WaitWithTimeout(&mutex_, std::min(until - now, kSlice));
  }
}

void Coordinator::Fail(const absl::Status& error) {
  absl::MutexLock lock(&mutex_);
  if (error_.ok()) error_ = error;
  result_changed_.SignalAll();
}

CoordinatorStats Coordinator::stats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

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
  return &it->second;
}

absl::Status Coordinator::Heard(uint64_t worker_id) {
  absl::MutexLock lock(&mutex_);
  return FindWorker(worker_id).status();
}

void Coordinator::Requeued(int count) {
  if (count == 0) return;
  stats_.requeued_samples += count;
  work_changed_.SignalAll();
}

void Coordinator::Expire(absl::Time now) {
  for (auto it = workers_.begin(); it != workers_.end();) {
    if (now - it->second.last_heard < options_.lease_ttl) {
      ++it;
      continue;
    }
    const int count = table_.ReleaseWorker(it->first);
    LogWarning(absl::StrCat("worker ", it->second.name, " has been silent for ",
                            absl::FormatDuration(now - it->second.last_heard),
                            "; its ", count, " samples go to others"));
    it = workers_.erase(it);
    Requeued(count);
  }
  const int count = table_.Expire(now);
  if (count > 0) {
    LogWarning(absl::StrCat("leases of ", count,
                            " samples were not renewed; they are leased anew"));
  }
  Requeued(count);
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
    const int64_t count = std::min<int64_t>(
        request.max_samples(), Quota(request.worker_id(), *worker, now));
    for (Lease& lease :
         table_.Grant(request.worker_id(), count, now + options_.lease_ttl)) {
      *reply.add_leases() = std::move(lease);
    }
    if (reply.leases_size() > 0) {
      worker->waiting_since = absl::InfiniteFuture();
      // The learner may be waiting for an earlier expiry than this lease's.
      result_changed_.SignalAll();
      return reply;
    }
    worker->waiting_since = table_.num_pending() == 0
                                ? absl::InfiniteFuture()
                                : std::min(worker->waiting_since, now);
    if (now >= until || is_cancelled()) return reply;
    work_changed_.WaitWithTimeout(&mutex_, std::min(until - now, kSlice));
    if (is_cancelled()) return reply;
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
  const LeaseTable::SampleView sample =
      table_.Find(t.prompt_id(), t.sample_index());
  if (!table_.Owns(worker_id, lease_id) &&
      t.policy_version() < weights_id_.version()) {
    *is_late = true;  // of weights whose samples are all there
    return absl::OkStatus();
  }
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
    if (t.policy_version() != weights_id_.version() ||
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

// Names what is awaited from whom, at most a few of each.
std::string Coordinator::DescribeOpen() const {
  constexpr int kMaxNamed = 4;
  const absl::Time now = options_.now();
  std::string text = absl::StrCat(table_.num_open(), " samples are awaited: ");
  std::map<std::string, std::vector<std::string>> by_holder;
  for (const auto& [prompt, index] : table_.OpenSamples()) {
    const LeaseTable::SampleView sample = table_.Find(prompt, index);
    const auto worker = workers_.find(sample.worker_id);
    const std::string holder =
        worker == workers_.end()
            ? std::string("a worker to take them")
            : absl::StrCat("worker ", worker->second.name, " (last heard ",
                           absl::FormatDuration(
                               absl::Trunc(now - worker->second.last_heard,
                                           absl::Milliseconds(100))),
                           " ago)");
    by_holder[holder].push_back(absl::StrCat(prompt, "/", index));
  }
  const char* separator = "";
  for (const auto& [holder, samples] : by_holder) {
    const int named = std::min<int>(kMaxNamed, samples.size());
    absl::StrAppend(&text, separator, samples.size(), " from ", holder,
                    ", prompt/sample");
    for (int i = 0; i < named; ++i) absl::StrAppend(&text, " ", samples[i]);
    if (samples.size() > named) absl::StrAppend(&text, " …");
    separator = "; ";
  }
  absl::StrAppend(&text, "; ", workers_.size(), " workers are joined");
  return text;
}

}  // namespace r1
