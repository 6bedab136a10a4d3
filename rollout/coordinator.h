// The learner's side of the rollout service: takes work and weights from the
// learner, leases samples to whatever workers are there, and passes finished
// trajectories back. Transport apart (coordinator_service.h), so that all of
// it is tested with a clock of the test's own.
#ifndef R1_ROLLOUT_COORDINATOR_H_
#define R1_ROLLOUT_COORDINATOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "model/model_config.h"
#include "proto/rollout.pb.h"
#include "rollout/lease_table.h"
#include "rollout/published_weights.h"
#include "rollout/rollout_source.h"

namespace r1 {

struct CoordinatorOptions {
  // A worker must have the same two, or its bits would differ.
  std::string build_id;
  std::string device;  // its identity
  ModelConfig model;
  // What a worker is told when it joins: the model's config.json and
  // tokenizer.json.
  std::string config_json;
  std::string tokenizer_json;
  int max_batch = 64;
  absl::Duration lease_ttl = absl::Seconds(30);
  // Work is handed out this long after the last Enqueue (or ten times as long
  // after the first), so that the workers' shares are known.
  absl::Duration settle = absl::Milliseconds(2);
  // A worker that already has its share of the open samples gets more once
  // it has waited this long and nobody else has come for them.
  absl::Duration share_grace = absl::Seconds(1);
  // A worker whose connection broke has so long to come back; one that is
  // merely silent has lease_ttl.
  absl::Duration return_grace = absl::Seconds(1);
  // Must not jump; the default is the monotonic clock.
  std::function<absl::Time()> now;
  // Hears what a person should know of a worker that failed. Called from any
  // thread; must not call the coordinator.
  std::function<void(const std::string& kind, const std::string& message)>
      on_event;
};

// Counts since the start.
struct CoordinatorStats {
  uint64_t duplicates = 0;        // trajectories that were already there
  uint64_t refused = 0;           // trajectories malformed or not asked for
  uint64_t requeued_samples = 0;  // given back or expired
};

// A sample that a worker cannot generate goes to another, or once more to the
// same if it is the only one. If that one fails, too, so does the run; else the
// first was wrong, and gets no more work. Workers are told apart by their
// names. The methods of RolloutSource belong to the learner thread. Threads:
// the others are safe from any thread.
class Coordinator : public RolloutSource {
 public:
  explicit Coordinator(CoordinatorOptions options);
  ~Coordinator() override;

  // --- Learner ------------------------------------------------------------
  // Errors: FailedPrecondition while work is outstanding.
  absl::Status Publish(const WeightsId& id,
                       std::shared_ptr<const PolicyWeights> weights) override;
  void Withdraw() override;
  // Weights must be published, and the samples not outstanding.
  void Enqueue(RolloutWork work) override;
  // FailedPrecondition if nothing is outstanding.
  absl::StatusOr<Trajectory> Next(absl::Time deadline) override;
  std::vector<WorkerStatus> Workers() const override;
  void Quarantine(const std::string& worker,
                  const std::string& reason) override;

  // DeadlineExceeded if fewer than `count` workers have joined by then.
  absl::Status WaitForWorkers(int count, absl::Time deadline);
  // Tells all workers that the run is over and waits, at most so long, until
  // they have left.
  void FinishRun(absl::Duration grace);
  // Makes Next return `error` from now on: the run cannot go on.
  void Fail(const absl::Status& error);
  CoordinatorStats stats() const;
  // Whether workers of this name are refused: those put out of service.
  bool IsQuarantined(const std::string& worker) const;
  PublishedWeights& weights() { return weights_; }

  // --- Workers: the service's calls (proto/rollout.proto) -------------------
  absl::StatusOr<JoinReply> Join(const JoinRequest& request);
  // is_cancelled: asked now and then while waiting; the caller is gone, and
  // with it, unless it is heard again, the worker.
  absl::StatusOr<AcquireReply> Acquire(
      const AcquireRequest& request, const std::function<bool()>& is_cancelled);
  absl::StatusOr<RenewReply> Renew(const RenewRequest& request);
  absl::StatusOr<SubmitReply> Submit(SubmitRequest request);
  absl::Status Leave(const LeaveRequest& request);
  // NotFound: unknown worker.
  absl::Status Heard(uint64_t worker_id);

 private:
  // How often a waiting call looks whether its caller is still there.
  static constexpr absl::Duration kWaitSlice = absl::Milliseconds(200);

  using SampleKey = std::pair<uint64_t, uint32_t>;  // prompt id, sample index

  // A worker that could not generate a sample, and why.
  struct Fault {
    std::string worker;
    absl::Status error;
  };

  struct WorkerState {
    std::string name;
    absl::Time last_heard;
    // When it is given up because its connection broke.
    absl::Time gone_at = absl::InfiniteFuture();
    // Since when it waits for work; InfiniteFuture if it does not.
    absl::Time waiting_since = absl::InfiniteFuture();
    uint64_t samples_finished = 0;
    uint64_t tokens_generated = 0;
  };

  absl::StatusOr<WorkerState*> FindWorker(uint64_t worker_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops what has been silent for too long.
  void Expire(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When Expire has something to do next, as far as is known.
  absl::Time NextExpiry() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Requeued(int count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Quota(uint64_t worker_id, const WorkerState& worker, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether others than those of `avoid` are there.
  bool HasOtherWorkers(const std::vector<std::string>& avoid) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WasAskedFor(uint64_t worker_id, uint64_t lease_id,
                   const SampleKey& key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Take(WorkerState* worker, Trajectory trajectory)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteFault(const std::string& worker, const SampleKey& key,
                 const absl::Status& error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Dismiss(const std::string& worker, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const std::string& kind, const std::string& message) const;
  std::string DescribeOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CoordinatorOptions options_;
  PublishedWeights weights_;
  uint64_t next_worker_id_ ABSL_GUARDED_BY(mutex_);

  mutable absl::Mutex mutex_;
  absl::CondVar work_changed_;    // work, workers or the run's end
  absl::CondVar result_changed_;  // a result, an error or a lost lease
  bool has_weights_ ABSL_GUARDED_BY(mutex_) = false;
  WeightsId weights_id_ ABSL_GUARDED_BY(mutex_);
  LeaseTable table_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, WorkerState> workers_ ABSL_GUARDED_BY(mutex_);
  std::deque<Trajectory> results_ ABSL_GUARDED_BY(mutex_);
  std::map<SampleKey, Fault> faults_
      ABSL_GUARDED_BY(mutex_);  // of open samples
  std::map<std::string, std::string> quarantined_
      ABSL_GUARDED_BY(mutex_);  // name: reason
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
  // When the work enqueued lately is handed out; the first of it came at ...
  absl::Time settled_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time unsettled_since_ ABSL_GUARDED_BY(mutex_);
  CoordinatorStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_ROLLOUT_COORDINATOR_H_
