#include "reward/sandbox/launcher/pipes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace r1 {
namespace {

bool WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n <= 0) return false;
    content.remove_prefix(n);
  }
  return true;
}

int MemoryFile(const char* name, std::string_view content) {
  int fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd >= 0 && !WriteAll(fd, content)) CloseFd(&fd);
  return fd;
}

// Its content, to be read only, from the beginning. Nobody changes it.
int ReadOnlyFile(const char* name, std::string_view content) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  int read_only = -1;
  if (WriteAll(fd, content) &&
      ::fcntl(fd, F_ADD_SEALS,
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0) {
    read_only = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  ::close(fd);
  return read_only;
}

}  // namespace

void CloseFd(int* fd) {
  if (*fd >= 0) ::close(*fd);
  *fd = -1;
}

void Capture::Read() {
  char bytes[65536];
  while (fd >= 0) {
    const ssize_t n = ::read(fd, bytes, sizeof(bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return CloseFd(&fd);
    const size_t room = limit - text.size();
    text.append(bytes, std::min<size_t>(n, room));
    if (static_cast<size_t>(n) > room) {
      is_over = true;
      return;
    }
  }
}

Pipes::~Pipes() {
  CloseInside();
  for (int* fd : {&output.fd, &error.fd, &report, &fetch}) CloseFd(fd);
}

bool Pipes::Open(const RunOrder& order, std::string_view spec) {
  const auto open = [](int* read_end, int* write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    *read_end = ends[0];
    *write_end = ends[1];
    return true;
  };
  if (!open(&output.fd, &inside.output) || !open(&error.fd, &inside.error) ||
      !open(&report, &inside.report)) {
    return false;
  }
  // A file, as judges have it: programs ask for its size, map it and seek.
  inside.input = ReadOnlyFile("stdin", order.standard_input);
  if (inside.input < 0) return false;
  output.limit = error.limit = order.output_bytes;
  for (int fd : {output.fd, error.fd}) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  inside.spec = MemoryFile("run", spec);
  if (!order.fetch.empty()) {
    fetch = MemoryFile("fetched", "");
    inside.fetch = ::fcntl(fetch, F_DUPFD_CLOEXEC, 0);
    if (fetch < 0 || inside.fetch < 0) return false;
  }
  return inside.spec >= 0;
}

void Pipes::CloseInside() {
  for (int* fd : {&inside.spec, &inside.input, &inside.output, &inside.error,
                  &inside.report, &inside.fetch, &inside.channel_in,
                  &inside.channel_out}) {
    CloseFd(fd);
  }
}

}  // namespace r1
