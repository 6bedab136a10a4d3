// A few threads that score batches of items by a deadline.
#ifndef R1_REWARD_CORE_SCORE_POOL_H_
#define R1_REWARD_CORE_SCORE_POOL_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"
#include "reward/core/scorer.h"

namespace r1 {

// Batches are served in the order of their arrival, each by all free threads.
// A rule that does not return keeps its thread: its own item and, once every
// thread is kept, what waits behind it time out.
// Threads: all functions may be called from any thread.
class ScorePool {
 public:
  // threads > 0. item_limit: most time one item may take once started.
  ScorePool(int threads, absl::Duration item_limit);
  // Stops, and waits for the rules that are running.
  ~ScorePool();

  // One result per item, in the order of the items. Returns when all are
  // scored or at the deadline, whichever is first; items without a result by
  // then, or within the item limit of their start, are TIMEOUT, and those not
  // started are dropped. Group rules compare the items that were scored. An
  // item_limit may shorten the pool's own. Errors: Unavailable once Stop was
  // called.
  absl::StatusOr<std::vector<RewardResult>> ScoreAll(
      Scorer scorer, std::vector<RewardItem> items, absl::Time deadline,
      absl::Duration item_limit = absl::InfiniteDuration());

  // Makes running and later calls of ScoreAll return Unavailable.
  void Stop();

 private:
  struct Batch;

  void Start(const std::shared_ptr<Batch>& batch);
  // Waits until every item is scored, or until the deadline, and starts no more
  // of them. Errors: Unavailable once Stop was called.
  absl::Status Await(Batch* batch);
  // Waits no more for items whose time was over before `time`.
  void GiveUpOverdue(Batch* batch, absl::Time time)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void WorkerLoop();
  // The batch at the front that still has items to start; blocks. Null when
  // stopping. The item is reserved for the caller.
  std::shared_ptr<Batch> TakeItem(size_t* index);

  const absl::Duration item_limit_;
  // Guards the mutable members of a Batch, too.
  absl::Mutex mutex_;
  std::deque<std::shared_ptr<Batch>> queue_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace r1

#endif  // R1_REWARD_CORE_SCORE_POOL_H_
