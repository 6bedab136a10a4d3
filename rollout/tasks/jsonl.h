// Prompts from JSONL files: one JSON object a line.
#ifndef R1_ROLLOUT_TASKS_JSONL_H_
#define R1_ROLLOUT_TASKS_JSONL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/config.pb.h"
#include "rollout/tasks/split.h"

namespace r1 {

// A problem as text, before the template.
struct Problem {
  std::string source;     // "id" of the row, else "line 17"
  std::string question;   // of messages: the user's last
  std::string reference;  // JSON, as reward rules read it
  // Equal for equal problems: it alone decides what is held out (split.h), but
  // for `split`.
  std::string canonical;
  std::string messages = "";  // JSON list, if the question is one; else empty
  // What the row says itself, by task.split_field; equal for equal problems.
  std::optional<Split> split = std::nullopt;
};

// COUNTDOWN rows have {nums, target} and are their own reference; the others
// have config.question_field(), and the reference that row_reference.h says.
// With config.split_field() every row says on which side it stands
// (SplitOfName), and both sides have rows.
// UTF-8 byte order marks, CRLF and blank lines are tolerated.
// Errors: InvalidArgument "NAME:LINE: reason", all bad lines (up to 20) at
// once, of which one is a problem on both sides; also for a file without rows.
// Lines are strict JSON (model/strict_json.h).
absl::StatusOr<std::vector<Problem>> ParseProblems(const TaskSection& config,
                                                   absl::string_view text,
                                                   absl::string_view name);

// Rows of a supervised file: {text} or {prompt, completion}.
struct TextRow {
  std::string prompt;      // empty for {text}
  std::string completion;  // the whole text for {text}
  int line = 0;            // in the file, from 1
};
absl::StatusOr<std::vector<TextRow>> ParseTextRows(absl::string_view text,
                                                   absl::string_view name);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_JSONL_H_
