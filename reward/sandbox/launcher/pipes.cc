#include "reward/sandbox/launcher/pipes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace r1 {
namespace {

int MemoryFile(const char* name, std::string_view content) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC);
  size_t done = 0;
  while (fd >= 0 && done < content.size()) {
    const ssize_t n = ::write(fd, content.data() + done, content.size() - done);
    if (n <= 0) {
      ::close(fd);
      return -1;
    }
    done += n;
  }
  return fd;
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
  for (int* fd : {&input, &output.fd, &error.fd, &report, &fetch}) CloseFd(fd);
}

bool Pipes::Open(const RunOrder& order, std::string_view spec) {
  const auto open = [](int* read_end, int* write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    *read_end = ends[0];
    *write_end = ends[1];
    return true;
  };
  if (!open(&inside.input, &input) || !open(&output.fd, &inside.output) ||
      !open(&error.fd, &inside.error) || !open(&report, &inside.report)) {
    return false;
  }
  output.limit = error.limit = order.output_bytes;
  for (int fd : {input, output.fd, error.fd}) {
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
