// What came out of a run, for programs (summary.json) and people.
#ifndef R1_PIPELINE_REPORT_SUMMARY_H_
#define R1_PIPELINE_REPORT_SUMMARY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/config.pb.h"

namespace r1 {

// The content of RUN/summary.json, from run.db and the newest checkpoint:
//   seed, wall_seconds, checkpoint, checkpoint_sha256, rl_steps, stages (name,
//   kind, from, seconds, key, output_sha256); if there is a comparison, tables
//   (by its name, the rows of table.json); else, if there is an RL stage,
//   base_pass1, final_pass1, base_format, final_format,
//   base_mean_length, final_mean_length, max_logprob_mismatch (over all steps),
//   first_rl_step_seconds (from the run's start; absent if it was resumed),
//   base_ and final_ problems, abstained and errors (as in EvalReport), and
//   eval_judge, the rule that says which answers are right.
//   The base's numbers are null if run.db was lost on the way.
absl::StatusOr<std::string> MakeSummary(const std::string& run_dir,
                                        const Recipe& config);

// The end of a run as text: a table of before and after, two answers to the
// same held-out problems from each, and where the files are. All text of the
// model is escaped.
absl::StatusOr<std::string> DescribeOutcome(const std::string& run_dir);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_SUMMARY_H_
