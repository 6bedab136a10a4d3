// What the threads of a worker hand to each other: leases from the network to
// the engine, results from the engine to the network.
#ifndef R1_ROLLOUT_WORKER_MAILBOX_H_
#define R1_ROLLOUT_WORKER_MAILBOX_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Results of one call: a quarter of what the coordinator takes.
inline constexpr size_t kMaxSubmitBytes = 16 << 20;

// A lease is held from AddLeases until all its samples are posted, or it is
// lost or dropped.
// Threads: safe from any thread.
class WorkerMailbox {
 public:
  // The worker asks for more than max_batch samples, so that the next ones are
  // there before the engine runs dry.
  explicit WorkerMailbox(int max_batch);

  // --- Network threads ------------------------------------------------------
  // Waits until it is worth asking for more; how many samples. 0 when closed.
  int WaitForRoom();
  void AddLeases(const AcquireReply& reply);
  std::vector<uint64_t> HeldLeases() const;
  uint64_t tokens_generated() const;
  // The coordinator gave these to others.
  void LoseLeases(const std::vector<uint64_t>& lease_ids);
  // Waits for results; worker_id is unset. A request is about one lease and has
  // at most kMaxSubmitBytes, or one trajectory. Empty when closed and nothing
  // is left.
  std::vector<SubmitRequest> TakeResults();

  // --- Engine thread --------------------------------------------------------
  struct Work {
    bool is_closed = false;
    std::vector<Lease> leases;
    std::vector<uint64_t> lost_lease_ids;
  };
  // What has come since the last call; waits for something if `wait`.
  Work TakeWork(bool wait);
  // A finished sample of a lease; ignored if the lease is no longer held.
  void Post(uint64_t lease_id, Trajectory trajectory);
  // A sample of a lease could not be generated; see SampleError.
  void PostError(uint64_t lease_id, uint32_t sample_index,
                 const absl::Status& error);
  // The engine will not finish this lease.
  void DropLease(uint64_t lease_id);
  void AddTokens(uint64_t count);

  // --- All ------------------------------------------------------------------
  // Wakes all who wait; the first status stays. Results that are already
  // posted can still be taken.
  void Close(const absl::Status& status);
  bool is_closed() const;
  absl::Status status() const;
  // True as soon as it is closed, false after `timeout`.
  bool WaitClosed(absl::Duration timeout) const;

 private:
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasResults() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where a result of the lease goes; null if it is no longer held.
  SubmitRequest* Finish(uint64_t lease_id, size_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(uint64_t lease_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int target_;     // samples in flight
  const int threshold_;  // fewest worth a call
  mutable absl::Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, int> held_ ABSL_GUARDED_BY(mutex_);  // unfinished samples
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  Work work_ ABSL_GUARDED_BY(mutex_);
  std::vector<SubmitRequest> results_ ABSL_GUARDED_BY(mutex_);
  // Of those that may still grow: position in results_, by lease, and size.
  struct Growing {
    size_t position = 0;
    size_t bytes = 0;
  };
  std::map<uint64_t, Growing> growing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_ROLLOUT_WORKER_MAILBOX_H_
