// The report's curves of one stage, by its kind.
#ifndef R1_PIPELINE_REPORT_REPORT_CURVES_H_
#define R1_PIPELINE_REPORT_REPORT_CURVES_H_

#include <vector>

#include "pipeline/report/report_json.h"
#include "pipeline/store/run_reader.h"
#include "proto/config.pb.h"

namespace r1 {

// Adds `charts`, an array of {title, zero, x, series: [{name, y}], points:
// [[step, value]]}, of the curves that have a value; points are held-out.
// `rows` and `evals` are the stage's own, by step. Long curves are thinned out.
// None of a kind whose steps are no course of time. `charts_left_out`: of
// rules, beyond the first 32 by name.
void AddCurves(const StageConfig& stage, const std::vector<MetricsRow>& rows,
               const std::vector<EvalRow>& evals, ReportJson* section);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_CURVES_H_
