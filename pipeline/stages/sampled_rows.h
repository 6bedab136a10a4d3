// The rows of RUN/stages/NAME/data.jsonl: answers that a stage has kept.
#ifndef R1_PIPELINE_STAGES_SAMPLED_ROWS_H_
#define R1_PIPELINE_STAGES_SAMPLED_ROWS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// A row also reads as {prompt, completion} of a supervised file.
struct SampledRow {
  // As the model was asked; with task.chat the user's message.
  std::string prompt;
  std::string completion;
  std::string stage, task, source, reference;  // where it comes from
  std::map<std::string, double> scores;        // by rule
  // Those of the model that wrote it; empty if the text was put into a form.
  std::vector<int32_t> prompt_tokens, completion_tokens;
  std::string tokenizer_sha256;
};

// One line, with its end.
std::string SampledRowLine(const SampledRow& row);

// Errors: DataLoss naming the first line that is none.
absl::StatusOr<std::vector<SampledRow>> ParseSampledRows(
    absl::string_view text, absl::string_view name);

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_SAMPLED_ROWS_H_
