// What is sent to a plugin's process together, and who waits for it.
#ifndef R1_REWARD_PLUGIN_WORK_UNIT_H_
#define R1_REWARD_PLUGIN_WORK_UNIT_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reward/core/rule.h"

namespace r1 {

// The results of one batch, filled in by the thread that speaks with the
// process. Threads: all functions may be called from any thread.
class BatchResults {
 public:
  explicit BatchResults(size_t count) : results_(count), num_missing_(count) {}

  void Set(size_t index, RuleResult result);

  // Waits until all are there or the deadline; those that are missing then are
  // TIMEOUT. Later calls of Set do nothing.
  std::vector<RuleResult> Take(absl::Time deadline);

  // Nobody waits any more.
  bool is_taken() const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<RuleResult> results_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> is_set_ ABSL_GUARDED_BY(mutex_) =
      std::vector<bool>(results_.size());
  size_t num_missing_ ABSL_GUARDED_BY(mutex_);
  bool is_taken_ ABSL_GUARDED_BY(mutex_) = false;
};

// One item, or the samples of one prompt. Its items are copies: whoever waited
// may be gone.
struct WorkUnit {
  std::shared_ptr<BatchResults> results;
  std::vector<RewardItem> items;
  std::vector<size_t> places;  // of the items in the batch
  RuleContext context;
  bool is_alone = false;  // sent with nothing else under way
};

// One unit an item, or with `by_group` one a group; in the order of the items.
std::vector<WorkUnit> MakeWorkUnits(absl::Span<const RewardItem* const> items,
                                    bool by_group, const RuleContext& context,
                                    std::shared_ptr<BatchResults> results);

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_WORK_UNIT_H_
