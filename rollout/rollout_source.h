// What the learner sees of the rollout room: work goes in, finished
// trajectories come out, whoever generates them.
#ifndef R1_ROLLOUT_ROLLOUT_SOURCE_H_
#define R1_ROLLOUT_ROLLOUT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/weights.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Samples of one prompt to generate.
struct RolloutWork {
  Prompt prompt;
  std::vector<uint32_t> sample_indices;
  SamplingParams sampling;
  uint64_t seed = 0;  // key of the random draws
  // Names of workers that shall not generate these while another one could.
  std::vector<std::string> avoid;
};

struct WorkerStatus {
  std::string name;
  int samples_in_flight = 0;
  uint64_t samples_finished = 0;
  uint64_t tokens_generated = 0;
  absl::Duration since_last_heard;
};

// Threads: one learner thread.
class RolloutSource {
 public:
  virtual ~RolloutSource() = default;

  // The weights that work enqueued from now on is generated with. No work may
  // be outstanding.
  virtual absl::Status Publish(
      const WeightsId& id, std::shared_ptr<const PolicyWeights> weights) = 0;
  // Gives the published weights to nobody any more, so that their memory is
  // free as soon as those who have them let go. No work may be outstanding.
  virtual void Withdraw() = 0;

  virtual void Enqueue(RolloutWork work) = 0;

  // The next finished trajectory, in any order; each enqueued sample comes out
  // exactly once.
  // Errors: DeadlineExceeded, with a message that names what is awaited from
  // whom; any other code is final (e.g. the model produced NaN, and a second
  // worker agrees).
  virtual absl::StatusOr<Trajectory> Next(absl::Time deadline) = 0;

  virtual std::vector<WorkerStatus> Workers() const = 0;

  // Puts a worker out of service, whose samples are wrong: it is refused from
  // now on, and what it has is given to others.
  virtual void Quarantine(const std::string& worker,
                          const std::string& reason) = 0;
};

}  // namespace r1

#endif  // R1_ROLLOUT_ROLLOUT_SOURCE_H_
