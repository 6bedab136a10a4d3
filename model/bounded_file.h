// Files of folders that strangers made.
#ifndef R1_MODEL_BOUNDED_FILE_H_
#define R1_MODEL_BOUNDED_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace r1 {

// More than any known config.json or index has.
inline constexpr int64_t kMaxConfigBytes = int64_t{16} << 20;

// The content of a regular file.
// Errors: those of ReadFile; InvalidArgument if it is a folder, a FIFO or the
// like, or has more than `max_bytes`.
absl::StatusOr<std::string> ReadBounded(const std::string& path,
                                        int64_t max_bytes);

}  // namespace r1

#endif  // R1_MODEL_BOUNDED_FILE_H_
