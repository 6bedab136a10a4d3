// What the rewards of a row compare with: the row itself.
#ifndef R1_ROLLOUT_TASKS_ROW_REFERENCE_H_
#define R1_ROLLOUT_TASKS_ROW_REFERENCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/config.pb.h"

namespace r1 {

// The reference of a QUESTION_ANSWER row: its fields but the question's, in
// their order and as the row spells them. `answer` is what
// config.answer_field() holds, a field or a path like
// reward_model.ground_truth, in config.answer_form(); it is there under its own
// name, too. A row without the field has no `answer`, which is for its rules to
// judge. `row`: a JSON object, valid as ParseStrictJson has it. Errors:
// InvalidArgument for an answer without the form, and for a row that has an
// `answer` but not the field that is to be it.
absl::StatusOr<std::string> RowReference(const TaskSection& config,
                                         absl::string_view row);

// The answer in a text of this form, without white space around it.
// Errors: InvalidArgument if the text has not the form, or is blank there.
absl::StatusOr<std::string> AnswerInForm(AnswerForm form,
                                         absl::string_view text);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_ROW_REFERENCE_H_
