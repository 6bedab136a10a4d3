#include "rollout/coordinator.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

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

absl::Status Coordinator::Publish(
    const WeightsId& id, std::shared_ptr<const PolicyWeights> weights) {
  {
    absl::MutexLock lock(&mutex_);
    if (table_.num_open() > 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "weights of version ", id.version(), " cannot be published while ",
          table_.num_open(), " samples of version ", weights_id_.version(),
          " are outstanding"));
    }
    table_.Clear();
    faults_.clear();
    weights_id_ = id;
    has_weights_ = true;
  }
  weights_.Publish(id, std::move(weights));
  return absl::OkStatus();
}

void Coordinator::Withdraw() {
  {
    absl::MutexLock lock(&mutex_);
    R1_CHECK(table_.num_open() == 0, "no work is outstanding");
    has_weights_ = false;
  }
  weights_.Withdraw();
}

void Coordinator::Enqueue(RolloutWork work) {
  absl::MutexLock lock(&mutex_);
  R1_CHECK(has_weights_, "weights are published before work is enqueued");
  table_.Add(std::move(work), weights_id_);
  const absl::Time now = options_.now();
  if (now >= settled_at_) unsettled_since_ = now;
  settled_at_ =
      std::min(now + options_.settle, unsettled_since_ + 10 * options_.settle);
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
                                    std::min(until, NextExpiry()) - now);
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

void Coordinator::Quarantine(const std::string& worker,
                             const std::string& reason) {
  absl::MutexLock lock(&mutex_);
  Dismiss(worker, reason);
}

bool Coordinator::IsQuarantined(const std::string& worker) const {
  absl::MutexLock lock(&mutex_);
  return quarantined_.count(worker) > 0;
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
    work_changed_.WaitWithTimeout(&mutex_, std::min(until - now, kWaitSlice));
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

void Coordinator::Requeued(int count) {
  if (count == 0) return;
  stats_.requeued_samples += count;
  work_changed_.SignalAll();
}

absl::Time Coordinator::NextExpiry() const {
  absl::Time next = table_.NextExpiry();
  for (const auto& [id, worker] : workers_) {
    next = std::min(next, worker.gone_at);
  }
  return next;
}

void Coordinator::Expire(absl::Time now) {
  for (auto it = workers_.begin(); it != workers_.end();) {
    const WorkerState& worker = it->second;
    const absl::Duration silence = now - worker.last_heard;
    const bool is_gone = now >= worker.gone_at;
    if (silence < options_.lease_ttl && !is_gone) {
      ++it;
      continue;
    }
    const int count = table_.ReleaseWorker(it->first);
    LogWarning(absl::StrCat(
        "worker ", worker.name,
        is_gone ? std::string(" broke its connection")
                : absl::StrCat(" has been silent for ",
                               absl::FormatDuration(absl::Trunc(
                                   silence, absl::Milliseconds(100)))),
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
  if (!quarantined_.empty()) {
    absl::StrAppend(&text, ", ", quarantined_.size(), " are out of service");
  }
  return text;
}

}  // namespace r1
