// What the report shows, as the JSON that its script draws.
#ifndef R1_PIPELINE_REPORT_REPORT_DATA_H_
#define R1_PIPELINE_REPORT_REPORT_DATA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/config.pb.h"

namespace r1 {

// A JSON object with
//   tiles: [{name, value, more}]
//   graph: see report_graph.h, of three stages or more
//   comparisons: see report_comparisons.h
//   warnings: [{stage, text}]
//   stages: see report_stages.h
//   events: [{time, stage, step, kind, message}], the last 300
//   events_left_out: how many came before them
// All text is made visible (escape.h), so nothing in it can reorder or hide
// what the page shows. `stages` are those of the run's recipe, each after those
// it needs; `summary` is the content of summary.json, or empty.
// Errors: of reading the run.
absl::StatusOr<std::string> MakeReportData(
    const std::string& run_dir, const std::vector<StageConfig>& stages,
    const std::string& summary);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_DATA_H_
