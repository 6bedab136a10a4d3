// The answers of an evaluation as text, for people and programs.
#ifndef R1_PIPELINE_EVALUATION_ANSWER_LINES_H_
#define R1_PIPELINE_EVALUATION_ANSWER_LINES_H_

#include <string>
#include <vector>

#include "pipeline/evaluation/evaluate.h"
#include "proto/config.pb.h"
#include "proto/rollout.pb.h"

namespace r1 {

// A JSON object a line for each of report.samples: {task, source, question,
// reference, completion, tokens (their number), finish, right (null: it could
// not be judged), format, scores (by rule)}. `prompts` are by task, as
// EvaluateTasks had them. Bytes that are no UTF-8 become U+FFFD.
std::string AnswerLines(const StageConfig& config,
                        const std::vector<std::vector<Prompt>>& prompts,
                        const EvalReport& report);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_ANSWER_LINES_H_
