#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/process_name.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0644)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  // Gives up ownership, e.g. to check the result of close().
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status SyncPath(const std::string& path) {
  Descriptor fd(path, O_RDONLY);
  if (!fd.ok()) return ErrnoStatus("cannot open", path, errno);
  if (::fsync(fd.get()) != 0) return ErrnoStatus("cannot sync", path, errno);
  return absl::OkStatus();
}

std::string ParentOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

absl::Status WriteAll(int fd, const std::string& path, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus("cannot write", path, errno);
    }
    data.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::Status ErrnoStatus(absl::string_view what, absl::string_view path,
                         int errno_value) {
  absl::StatusCode code = absl::StatusCode::kFailedPrecondition;
  switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
      code = absl::StatusCode::kNotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      code = absl::StatusCode::kResourceExhausted;
      break;
    case EEXIST:
    case ENOTEMPTY:
      code = absl::StatusCode::kAlreadyExists;
      break;
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESTALE:
    case ETIMEDOUT:
      code = absl::StatusCode::kUnavailable;
      break;
    default:
      break;
  }
  std::string message =
      absl::StrCat(what, " ", path, ": ", std::strerror(errno_value));
  if (code == absl::StatusCode::kResourceExhausted) {
    absl::StrAppend(&message, "; free some space and run the command again");
  }
  return absl::Status(code, message);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  Descriptor fd(path, O_RDONLY);
  if (!fd.ok()) return ErrnoStatus("cannot open", path, errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) {
    return ErrnoStatus("cannot stat", path, errno);
  }
  if (S_ISDIR(info.st_mode)) return ErrnoStatus("cannot read", path, EISDIR);
  std::string content;
  content.resize(info.st_size);
  size_t size = 0;
  for (;;) {
    if (size == content.size()) content.resize(content.size() + 4096);
    const ssize_t n =
        ::read(fd.get(), content.data() + size, content.size() - size);
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus("cannot read", path, errno);
    }
    if (n == 0) break;
    size += n;
  }
  content.resize(size);
  return content;
}

absl::Status WriteFileAtomic(const std::string& path,
                             absl::Span<const absl::string_view> parts) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  absl::Status status;
  {
    Descriptor fd(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!fd.ok()) return ErrnoStatus("cannot create", temporary, errno);
    for (absl::string_view part : parts) {
      status.Update(WriteAll(fd.get(), path, part));
    }
    if (status.ok() && ::fsync(fd.get()) != 0) {
      status = ErrnoStatus("cannot sync", path, errno);
    }
    if (::close(fd.Release()) != 0) {
      status.Update(ErrnoStatus("cannot close", path, errno));
    }
  }
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus("cannot replace", path, errno);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return SyncPath(ParentOf(path));
}

absl::Status WriteFileAtomic(const std::string& path,
                             absl::string_view content) {
  return WriteFileAtomic(path, absl::MakeConstSpan(&content, 1));
}

absl::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return ErrnoStatus("cannot create folder", path, error.value());
  return absl::OkStatus();
}

absl::Status PublishDirectory(const std::string& temporary_path,
                              const std::string& final_path) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(temporary_path, error), end;
       !error && it != end; it.increment(error)) {
    R1_RETURN_IF_ERROR(SyncPath(it->path().string()));
  }
  if (error) return ErrnoStatus("cannot list", temporary_path, error.value());
  R1_RETURN_IF_ERROR(SyncPath(temporary_path));
  if (FileExists(final_path)) {
    return ErrnoStatus("cannot publish", final_path, EEXIST);
  }
  if (::rename(temporary_path.c_str(), final_path.c_str()) != 0) {
    return ErrnoStatus("cannot publish", final_path, errno);
  }
  return SyncPath(ParentOf(final_path));
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return ErrnoStatus("cannot remove", path, error.value());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListDirectory(
    const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoStatus("cannot list", path, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

absl::Status LacksFile(const std::string& folder, const std::string& message) {
  const absl::Status listed = ListDirectory(folder).status();
  if (absl::IsPermissionDenied(listed)) return listed;
  return absl::NotFoundError(message);
}

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(
    const std::string& path) {
  Descriptor fd(path, O_RDWR | O_CREAT);
  if (!fd.ok()) return ErrnoStatus("cannot open lock", path, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus("cannot lock", path, errno);
    char holder[512] = {};
    const ssize_t n = ::pread(fd.get(), holder, sizeof(holder) - 1, 0);
    return absl::UnavailableError(absl::StrCat(
        path, " is held by ",
        absl::StripSuffix(n > 0 ? holder : "an unknown process", "\n"),
        ": stop it, wait for its end or choose another folder"));
  }
  // Who holds it, for the message above; the lock itself is the flock.
  const std::string holder = absl::StrCat(
      DescribeProcess(ThisProcess()), ", since ",
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone()),
      "\n");
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), holder.data(), holder.size(), 0) < 0) {
    return ErrnoStatus("cannot write lock", path, errno);
  }
  return std::unique_ptr<FileLock>(new FileLock(fd.Release()));
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace r1
