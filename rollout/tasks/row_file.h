// Reads files of rows, and knows what other files of data look like.
#ifndef R1_ROLLOUT_TASKS_ROW_FILE_H_
#define R1_ROLLOUT_TASKS_ROW_FILE_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace r1 {

// The text of a JSON Lines file. Errors: those of ReadFile; InvalidArgument for
// a folder and for what CheckIsJsonLines refuses.
absl::StatusOr<std::string> ReadRowFile(const std::string& path);

// Calls `row` with the number (from 1), text and JSON object of every line of
// the file `name` that is not blank. UTF-8 byte order marks and CRLF are
// tolerated; lines are strict JSON (model/strict_json.h).
// Errors: InvalidArgument "NAME:LINE: reason" for all lines (up to 20) that are
// no object, or whose call failed, at once.
absl::Status ForEachJsonLine(
    absl::string_view text, absl::string_view name,
    absl::FunctionRef<absl::Status(int line, absl::string_view text,
                                   const nlohmann::json& row)>
        row);

// InvalidArgument if `head`, the beginning of the file `path`, is that of
// another kind of file (Parquet, Arrow, an archive, a JSON array, CSV, UTF-16
// …): names the kind and the command that converts it. OK for anything else.
absl::Status CheckIsJsonLines(absl::string_view head, absl::string_view path);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_ROW_FILE_H_
