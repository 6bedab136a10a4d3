// Files that survive kill -9 and power loss: whole-file reads, atomic writes,
// atomic publication of folders, and an exclusive lock on a folder.
// Errors: NotFound, PermissionDenied, ResourceExhausted (disk full),
// Unavailable for what may pass by itself (busy, out of memory or handles, a
// disk or server that does not answer), otherwise FailedPrecondition; each
// message names the path and the system's reason.
#ifndef R1_BASE_FILE_H_
#define R1_BASE_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace r1 {

// "what path: reason of errno_value", with the code that fits the errno.
absl::Status ErrnoStatus(absl::string_view what, absl::string_view path,
                         int errno_value);

absl::StatusOr<std::string> ReadFile(const std::string& path);

// Replaces `path` by the concatenated parts: temporary file beside it, fsync,
// rename, fsync of the folder. Readers see the old or the new content.
absl::Status WriteFileAtomic(const std::string& path,
                             absl::Span<const absl::string_view> parts);
absl::Status WriteFileAtomic(const std::string& path,
                             absl::string_view content);

// Writes all of `data` to an open file; `path` is for the error.
absl::Status WriteAll(int fd, const std::string& path, absl::string_view data);

// Creates the folder and its parents.
absl::Status MakeDirectories(const std::string& path);

// Makes a finished temporary folder visible under its final name: fsyncs every
// file in it, the folder, renames, fsyncs the parent. `final_path` must not
// exist. Both must be on one file system.
absl::Status PublishDirectory(const std::string& temporary_path,
                              const std::string& final_path);

absl::Status RemoveAll(const std::string& path);

// Names (not paths) in a folder, sorted.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);

bool FileExists(const std::string& path);

// NotFound with `message`, for a folder that lacks a file; PermissionDenied if
// that is so because it may not be looked into.
absl::Status LacksFile(const std::string& folder, const std::string& message);

// An exclusive advisory lock on `path` (created if needed), held until
// destruction or the process ends, however it ends.
class FileLock {
 public:
  // The file then says which process that is, for people and for the error.
  // Errors: Unavailable if another process holds it (names it).
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(
      const std::string& path);
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace r1

#endif  // R1_BASE_FILE_H_
