// From the samples of a step to what an update is computed from.
#ifndef R1_LEARNER_POLICY_SAMPLES_H_
#define R1_LEARNER_POLICY_SAMPLES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "learner/collector.h"
#include "learner/journal.h"
#include "learner/policy_gradient.h"
#include "proto/config.pb.h"

namespace r1 {

PolicySample MakeSample(const SampleGroup& group, uint32_t sample_index,
                        double advantage);

// The scored samples in order of (prompt, sample), with their advantages
// [P][G]. Dynamic sampling leaves out the groups that it replaced: those whose
// rewards are all equal.
std::vector<PolicySample> MakeSamples(
    const Collection& collection,
    const std::vector<std::vector<double>>& advantages, const RlSection& rl);

// Records the advantages of the scored samples.
// Errors: those of the journal.
absl::Status RecordAdvantages(
    int64_t step, const Collection& collection,
    const std::vector<std::vector<double>>& advantages, Journal* journal);

}  // namespace r1

#endif  // R1_LEARNER_POLICY_SAMPLES_H_
