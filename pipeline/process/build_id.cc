#include "pipeline/process/build_id.h"

#include <unistd.h>

#include <cerrno>
#include <climits>

#include "base/file.h"
#include "base/sha256.h"
#include "base/status_macros.h"

namespace r1 {

absl::StatusOr<std::string> BuildId() {
  // The kernel's link to the file that was started. Computed once.
  static const absl::StatusOr<std::string> id =
      []() -> absl::StatusOr<std::string> {
    R1_ASSIGN_OR_RETURN(const std::string program, ReadFile("/proc/self/exe"));
    return Sha256Hex(program);
  }();
  return id;
}

const char* ProgramVersion() { return R1_VERSION; }

absl::StatusOr<std::string> ProgramPath() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
  if (size < 0) return ErrnoStatus("cannot read", "/proc/self/exe", errno);
  return std::string(path, size);
}

}  // namespace r1
