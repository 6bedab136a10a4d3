// The report's comparisons: what several stages' models make of the same
// held-out problems.
#ifndef R1_PIPELINE_REPORT_REPORT_COMPARISONS_H_
#define R1_PIPELINE_REPORT_REPORT_COMPARISONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/report/report_json.h"
#include "proto/config.pb.h"

namespace r1 {

// Of each stage of kind compare that has rows: {name, table, problems}.
//   table: {columns, rows: [{stage, values, best}]}, by stage_table.h; values
//          are texts, `best` says of each whether it is the highest of a column
//          in which not all are equal. Of a length none is best.
//   problems: about a dozen, at least two a task; see report_answers.h
// Errors: those of reading the run.
absl::StatusOr<ReportJson> MakeComparisons(
    const std::string& run_dir, const std::vector<StageConfig>& stages);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_COMPARISONS_H_
