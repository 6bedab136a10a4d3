// An answer of an evaluation as lines for people.
#ifndef R1_PIPELINE_REPORT_ANSWER_TEXT_H_
#define R1_PIPELINE_REPORT_ANSWER_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "pipeline/store/run_store.h"

namespace r1 {

// "zero, right, 31 tokens:" and below it the completion, two columns further
// in. Every line begins with `indent`.
std::string RenderAnswer(absl::string_view who, const EvalSample& sample,
                         absl::string_view indent);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_ANSWER_TEXT_H_
