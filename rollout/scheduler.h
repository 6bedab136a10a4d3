// Decides what every step of the engine computes: which samples run together,
// which parts of prompts are prefilled, and who gives way when pages run out.
// No decision changes a result; it changes only when the result is there.
#ifndef R1_ROLLOUT_SCHEDULER_H_
#define R1_ROLLOUT_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "kernels/ops.h"
#include "rollout/block_manager.h"
#include "rollout/sequence.h"

namespace r1 {

struct SchedulerOptions {
  int max_batch = 64;  // most samples decoded together
  // Most prompt tokens per step; decoding rows come on top.
  int64_t prefill_tokens = 512;
};

// One step's work, in this order.
struct StepPlan {
  // Row of the batch whose output is the last one of `prefix`.
  struct PrefixEnd {
    Prefix* prefix;
    int64_t row;
  };
  // A sample whose next token is drawn from the output of `row`, or from its
  // prefix's last output if row is -1.
  struct Draw {
    Sequence* sequence;
    int64_t row;
  };
  struct PageCopy {
    int32_t from, to;
  };

  std::vector<PageCopy> page_copies;
  std::vector<int32_t> tokens, positions;  // [T]
  std::vector<SequenceRows> sequences;
  std::vector<PrefixEnd> prefix_ends;
  std::vector<Draw> draws;

  void Clear();
};

struct SchedulerStats {
  uint64_t prefilled_tokens = 0;   // prompt positions computed
  uint64_t decoded_tokens = 0;     // completion positions computed
  uint64_t recomputed_tokens = 0;  // completion positions computed again
  uint64_t preemptions = 0;
};

// Samples run in the order of arrival. Pages go to prompts when a sample is
// admitted and to completions as they grow; when none is free, prompts that
// no running sample needs go first, then the youngest sample, whose tokens are
// computed again later.
// Threads: one caller at a time.
class Scheduler {
 public:
  // `blocks` must hold the longest sequence and one page more.
  Scheduler(const SchedulerOptions& options, BlockManager* blocks);

  // request, max_length of `sequence` are set; its prefix is set here.
  void Add(std::unique_ptr<Sequence> sequence);
  // Takes a finished or cancelled sample out; null if there is none.
  std::unique_ptr<Sequence> Remove(uint64_t key);
  // Takes all samples out.
  void Clear();
  bool Contains(uint64_t key) const { return by_key_.contains(key); }
  bool idle() const { return by_key_.empty(); }
  int num_running() const { return running_.size(); }

  // The next step. The caller computes it before the next call of any method.
  // Nothing is drawn only if idle or while prompts are being prefilled.
  void Plan(StepPlan* plan);

  const SchedulerStats& stats() const { return stats_; }

 private:
  Prefix* FindOrMakePrefix(
      const std::shared_ptr<const std::vector<int32_t>>& tokens);
  void DropPrefix(Prefix* prefix);
  void ReleasePages(std::vector<int32_t>* pages);
  bool EvictIdlePrefix(const Prefix* except);
  void Admit();
  void Preempt();
  bool MakeRoom(Sequence* sequence, int64_t length, StepPlan* plan);
  void PlanDecode(int64_t* budget, StepPlan* plan);
  void PlanPrefill(int64_t budget, StepPlan* plan);
  void PlanFirstDraws(StepPlan* plan);

  SchedulerOptions options_;
  BlockManager* blocks_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // oldest first
  absl::flat_hash_map<uint64_t, Sequence*> by_key_;
  std::vector<std::unique_ptr<Prefix>> prefixes_;  // oldest first
  absl::flat_hash_map<absl::Span<const int32_t>, Prefix*> by_tokens_;
  SchedulerStats stats_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_SCHEDULER_H_
