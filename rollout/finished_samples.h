// Samples that a worker has finished and could not deliver, as the learner was
// restarted meanwhile. If the new learner leases the same ones, it gets them.
#ifndef R1_ROLLOUT_FINISHED_SAMPLES_H_
#define R1_ROLLOUT_FINISHED_SAMPLES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "proto/rollout.pb.h"

namespace r1 {

// What the samples of a lease are a function of, but for their indices:
// weights, prompt, sampling and seed. Equal origins mean equal bits.
inline std::string SampleOrigin(Lease lease) {
  lease.clear_lease_id();
  lease.clear_sample_indices();
  return lease.SerializeAsString();
}

// Threads: one at a time.
class FinishedSamples {
 public:
  void Keep(const std::string& origin, Trajectory trajectory) {
    const uint32_t index = trajectory.sample_index();
    samples_.insert_or_assign({origin, index}, std::move(trajectory));
  }
  // The sample, which is then gone; nullopt if it is not there.
  std::optional<Trajectory> Take(const std::string& origin, uint32_t index) {
    auto sample = samples_.extract({origin, index});
    if (sample.empty()) return std::nullopt;
    return std::move(sample.mapped());
  }
  // Drops what comes from a version of the weights before this one.
  void DropBefore(uint64_t version) {
    std::erase_if(samples_, [version](const auto& sample) {
      return sample.second.policy_version() < version;
    });
  }

 private:
  std::map<std::pair<std::string, uint32_t>, Trajectory> samples_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_FINISHED_SAMPLES_H_
