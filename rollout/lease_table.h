// Which samples are wanted, who generates them, and until when. Pure
// bookkeeping: no threads, no clock of its own, no transport.
#ifndef R1_ROLLOUT_LEASE_TABLE_H_
#define R1_ROLLOUT_LEASE_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "proto/rollout.pb.h"
#include "rollout/rollout_source.h"

namespace r1 {

// A sample is pending (nobody generates it), leased (to one worker) or done.
// Threads: one caller at a time.
class LeaseTable {
 public:
  // Leases are numbered from `first_lease_id` (> 0).
  explicit LeaseTable(uint64_t first_lease_id) : next_id_(first_lease_id) {}

  // All samples become pending. None of them may be pending or leased already.
  void Add(RolloutWork work, const WeightsId& weights);
  // Forgets what is done. Nothing may be pending or leased.
  void Clear();

  int num_pending() const { return num_pending_; }
  int num_open() const { return num_open_; }  // pending and leased
  int NumLeased(uint64_t worker_id) const;

  // Leases about `quota` pending samples to a worker, never more than
  // `capacity`, in as few groups as possible: those it works on already, then
  // those nobody does, then the others; each in order of arrival. The last
  // group is taken whole or left if that is near the quota and others are left
  // to give to others. Of groups that `may_take` refuses nothing is leased.
  std::vector<Lease> Grant(
      uint64_t worker_id, int quota, int capacity, absl::Time expiry,
      absl::FunctionRef<bool(const RolloutWork&)> may_take);
  // False if the lease is not, or no longer, this worker's.
  bool Renew(uint64_t worker_id, uint64_t lease_id, absl::Time expiry);
  bool Owns(uint64_t worker_id, uint64_t lease_id) const;
  // Of a lease that is out.
  uint64_t PromptOf(uint64_t lease_id) const;
  bool WasIssued(uint64_t lease_id) const;
  // Whether it was issued before the last Clear: nobody waits for its samples.
  bool IsOver(uint64_t lease_id) const { return lease_id < first_id_of_now_; }

  // Samples of leases that ended by `now`, of a worker, or of one lease become
  // pending again. Return how many.
  int Expire(absl::Time now);
  int ReleaseWorker(uint64_t worker_id);
  int ReleaseLease(uint64_t lease_id);
  // When the next lease ends; InfiniteFuture if there is none.
  absl::Time NextExpiry() const;

  enum class State { kUnknown, kPending, kLeased, kDone };
  struct SampleView {
    State state = State::kUnknown;
    const RolloutWork* work = nullptr;  // null if unknown
    uint64_t version = 0;
    uint64_t lease_id = 0;   // 0 unless leased
    uint64_t worker_id = 0;  // 0 unless leased
  };
  SampleView Find(uint64_t prompt_id, uint32_t sample_index) const;
  // A pending or leased sample is done.
  void Complete(uint64_t prompt_id, uint32_t sample_index);
  // A pending or leased sample becomes pending again, as a work of its own that
  // these workers shall not take (RolloutWork::avoid).
  void Reassign(uint64_t prompt_id, uint32_t sample_index,
                std::vector<std::string> avoid);
  // All pending and leased samples, by prompt and sample.
  std::vector<std::pair<uint64_t, uint32_t>> OpenSamples() const;

 private:
  struct Work {
    RolloutWork work;
    WeightsId weights;
    std::set<uint32_t> pending;
    uint64_t last_worker = 0;  // who got samples of it last
  };
  struct Sample {
    Work* work = nullptr;
    uint64_t lease_id = 0;
    bool is_done = false;
  };
  struct LeaseState {
    uint64_t worker_id = 0;
    Work* work = nullptr;
    std::set<uint32_t> open;
    absl::Time expiry;
  };
  using Key = std::pair<uint64_t, uint32_t>;  // prompt id, sample index

  Lease MakeLease(Work* work, uint64_t worker_id, int count, absl::Time expiry);
  int ReleaseIf(const std::function<bool(const LeaseState&)>& condition);

  uint64_t next_id_;
  uint64_t first_id_ = next_id_;
  uint64_t first_id_of_now_ = next_id_;  // after the last Clear
  int num_pending_ = 0, num_open_ = 0;
  std::vector<std::unique_ptr<Work>> works_;  // order of arrival
  absl::flat_hash_map<Key, Sample> samples_;
  std::map<uint64_t, LeaseState> leases_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_LEASE_TABLE_H_
