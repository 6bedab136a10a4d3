#include "model/bounded_file.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace r1 {

absl::StatusOr<std::string> ReadBounded(const std::string& path,
                                        int64_t max_bytes) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    return ErrnoStatus("cannot read", path, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is not a regular file"));
  }
  if (info.st_size > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": has ", info.st_size,
                                                   " bytes, at most ",
                                                   max_bytes, " are read"));
  }
  return ReadFile(path);
}

}  // namespace r1
