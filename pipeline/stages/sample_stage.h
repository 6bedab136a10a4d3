// The kind "sample": answers of a model, scored, and those worth learning from
// kept as data (rejection sampling: DeepSeek-R1, arXiv 2501.12948 v2, B.3.3).
#ifndef R1_PIPELINE_STAGES_SAMPLE_STAGE_H_
#define R1_PIPELINE_STAGES_SAMPLE_STAGE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "learner/journal.h"
#include "learner/reward_item.h"
#include "pipeline/stages/run_context.h"
#include "proto/config.pb.h"

namespace r1 {

// What was drawn, kept and dropped; each sample is dropped for one reason, the
// first of: "truncated", "unscored", the rule that it fails, "repeated" (the
// same answer to the problem is kept already), "more than most_per_prompt".
struct KeptSamples {
  std::vector<SampleRecord> kept;
  int64_t drawn = 0;
  std::vector<std::string> faults;  // of each that was drawn; empty if kept
  std::map<std::string, int64_t> dropped;
};

// Picks from samples in order of (prompt id, sample index), whole problems.
// `answer_rules` decide where section.keep is empty.
KeptSamples PickSamples(std::vector<SampleRecord> samples,
                        const SampleSection& section,
                        absl::Span<const AnswerRule> answer_rules);

// See StageContext. Writes the kept rows (sampled_rows.h) to the stage's
// data.jsonl, and what was dropped as metrics of the last step.
// Errors: those of the collector and the services; FailedPrecondition, with the
// counts, if nothing is kept.
absl::Status RunSampleStage(const StageContext& context);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_SAMPLE_STAGE_H_
