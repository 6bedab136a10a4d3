// What becomes of samples whose log-probs are not the trainer's own (P2).
//
// Sampler and trainer share one forward pass, so a difference is somebody's
// fault: one bit of memory, or a worker of another kind. The sample is taken
// out of the journal and made again, by another worker where there is one.
// Bits that are the trainer's then disprove the first worker: it gets no more
// work, and whatever it gave to this step is made again, too. The same wrong
// bits twice disprove the trainer, or all workers: the run stops.
#ifndef R1_LEARNER_MISMATCH_H_
#define R1_LEARNER_MISMATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learner/collector.h"
#include "learner/policy_gradient.h"
#include "proto/config.pb.h"

namespace r1 {

// Of one step. Threads: one learner thread.
class MismatchInquiry {
 public:
  MismatchInquiry(const StageConfig& config, const LearnerPeers& peers,
                  int64_t step)
      : config_(config), peers_(peers), step_(step) {}

  // Takes samples that deviate too far out of the journal, so that Collect has
  // them made again.
  // Errors: FailedPrecondition, naming sample, values and workers, if the same
  // bits came twice, or other ones for the third time; those of the journal.
  absl::Status Reject(absl::Span<const Deviation> deviations,
                      const Collection& collection);

  // Samples of `collection` that were rejected and have yet to be compared
  // again. (With dynamic sampling a prompt may not be drawn any more.)
  std::vector<SampleKey> OpenIn(const Collection& collection);
  // Who shall not make them again.
  AvoidedWorkers avoided() const;

  // `collection` has the open samples anew; `deviations` are those of them that
  // deviate too far again. Returns whether all of the collection may be trained
  // on; if not, some of it has left the journal: collect again.
  // Errors: those of Reject.
  absl::StatusOr<bool> Settle(absl::Span<const Deviation> deviations,
                              const Collection& collection);

 private:
  // What a worker gave, whose log-probs were not the trainer's.
  struct Attempt {
    std::string worker;
    std::string bits;      // of tokens and log-probs
    std::string describe;  // the worst token
  };
  using Attempts = std::vector<Attempt>;

  absl::Status Stop(SampleKey key, const std::string& what) const;
  absl::Status Dismiss(const std::string& worker, const std::string& reason);
  absl::Status Drop(SampleKey key, const Collection& collection);
  absl::StatusOr<int> DropAllOf(const std::string& worker,
                                const Collection& collection);

  const StageConfig& config_;
  LearnerPeers peers_;
  int64_t step_;
  std::map<SampleKey, Attempts> open_;
};

}  // namespace r1

#endif  // R1_LEARNER_MISMATCH_H_
