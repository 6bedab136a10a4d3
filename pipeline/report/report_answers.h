// Held-out problems with the answers of several evaluations beside each other.
#ifndef R1_PIPELINE_REPORT_REPORT_ANSWERS_H_
#define R1_PIPELINE_REPORT_REPORT_ANSWERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/report/report_json.h"
#include "pipeline/store/run_reader.h"
#include "proto/config.pb.h"

namespace r1 {

struct AnswerColumn {
  int64_t step = 0;   // of the evaluation
  std::string label;  // what made the answers
};

// About `count` problems, the first of each task of the stage and at least two
// of each, with the first answer of every column that has one: an array of
// {task, question, reference, answers: [{by, correct, tokens, finish, text}]}.
// `reader` is the stage's.
absl::StatusOr<ReportJson> MakeAnswers(const RunReader& reader,
                                       const StageConfig& stage,
                                       const std::vector<AnswerColumn>& columns,
                                       int count);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_ANSWERS_H_
