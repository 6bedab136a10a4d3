// The stage kind `compare`: the models of several stages at the same held-out
// problems, the table that a recipe ends with (DeepSeek-R1, arXiv 2501.12948
// v2, table 3).
#ifndef R1_PIPELINE_STAGES_COMPARE_STAGE_H_
#define R1_PIPELINE_STAGES_COMPARE_STAGE_H_

#include "absl/status/status.h"
#include "pipeline/stages/run_context.h"

namespace r1 {

// Evaluates the model of each compared stage on the problems of all the stage's
// tasks, with the draws of this stage's seed, so that rows differ in nothing
// but the model. Row i, from 1, is the evaluation of step i in run.db; those
// that are there are not made again. Makes RUN/stages/NAME/table.json:
//   {"rows": [{"stage": "zero", "model_sha256": "…",
//              "metrics": {"countdown/pass@1": 0.71, …}}, …]}
// Errors: as StageContext says; those of LoadModelFolder and EvaluateTasks.
absl::Status RunCompareStage(const StageContext& context);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_COMPARE_STAGE_H_
