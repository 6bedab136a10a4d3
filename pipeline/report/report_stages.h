// The report's sections: what each stage of a run did.
#ifndef R1_PIPELINE_REPORT_REPORT_STAGES_H_
#define R1_PIPELINE_REPORT_REPORT_STAGES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/folder/run_stages.h"
#include "pipeline/report/report_json.h"
#include "pipeline/store/run_reader.h"

namespace r1 {

// One object for each stage that has begun, in their order:
//   name, kind, state: "done" or "begun"
//   facts: [[name, value]]
//   charts: see report_curves.h
//   evals: {steps, rows: [[name, value...]]}, if it was evaluated
//   answers: see report_answers.h; before and after
//   steps, samples_note: see report_samples.h
//   kept: see report_kept.h
// The last four are absent where there is nothing to show. The bytes of samples
// are shared equally among the stages that sample. `rows` are those of all
// stages.
absl::StatusOr<ReportJson> MakeStageSections(
    const std::string& run_dir, const std::vector<RunStage>& stages,
    const std::vector<MetricsRow>& rows);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_STAGES_H_
