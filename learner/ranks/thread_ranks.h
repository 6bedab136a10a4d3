// Ranks that are threads of one process: for tests.
#ifndef R1_LEARNER_RANKS_THREAD_RANKS_H_
#define R1_LEARNER_RANKS_THREAD_RANKS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/ranks/communicator.h"

namespace r1 {

// Threads: each communicator belongs to one; all end before this object.
class ThreadRanks {
 public:
  explicit ThreadRanks(int size, absl::Duration patience = kRankPatience);
  ~ThreadRanks();

  Communicator* rank(int r) { return ranks_[r].get(); }

 private:
  class Rank;
  // What a rank gives to the others in the call they are in.
  struct Offer {
    absl::Span<const Tensor> tensors;
    absl::Span<const std::string> bytes;
    absl::string_view text;
  };

  // Shows `mine` to all, and calls `take` once the offers of all are there;
  // returns when all have taken.
  absl::Status Meet(int rank, Offer mine, absl::Duration patience,
                    absl::FunctionRef<absl::Status()> take);
  absl::Status AwaitAll(int rank, bool is_begin, absl::Duration patience);
  void Abort(const absl::Status& cause);

  const absl::Duration patience_;
  std::vector<std::unique_ptr<Communicator>> ranks_;
  std::vector<Offer> offers_;
  absl::Mutex mutex_;
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
  int taking_ ABSL_GUARDED_BY(mutex_) = 0;  // ranks that read offers
  int64_t meeting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<bool> is_there_ ABSL_GUARDED_BY(mutex_);
  absl::Status cause_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_LEARNER_RANKS_THREAD_RANKS_H_
