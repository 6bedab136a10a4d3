// Reads files of rows, and knows what other files of data look like.
#ifndef R1_ROLLOUT_TASKS_ROW_FILE_H_
#define R1_ROLLOUT_TASKS_ROW_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// The text of a JSON Lines file. Errors: those of ReadFile; InvalidArgument for
// a folder and for what CheckIsJsonLines refuses.
absl::StatusOr<std::string> ReadRowFile(const std::string& path);

// InvalidArgument if `head`, the beginning of the file `path`, is that of
// another kind of file (Parquet, Arrow, an archive, a JSON array, CSV, UTF-16
// …): names the kind and the command that converts it. OK for anything else.
absl::Status CheckIsJsonLines(absl::string_view head, absl::string_view path);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_ROW_FILE_H_
