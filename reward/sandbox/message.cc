#include "reward/sandbox/message.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace r1 {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 30;
constexpr size_t kMaxFds = 16;

// All bytes, or false.
bool ReceiveBytes(int socket, char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = ::recv(socket, bytes, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= n;
  }
  return true;
}

bool SendBytes(int socket, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(socket, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes += n;
    size -= n;
  }
  return true;
}

union ControlBuffer {
  char bytes[CMSG_SPACE(kMaxFds * sizeof(int))];
  cmsghdr align;
};

}  // namespace

bool SendMessage(int socket, std::string_view body,
                 const std::vector<int>& fds) {
  uint64_t size = body.size();
  iovec part = {&size, sizeof(size)};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ControlBuffer control = {};
  if (!fds.empty() && fds.size() <= kMaxFds) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* entry = CMSG_FIRSTHDR(&header);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(entry), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t n;
  do {
    n = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  const char* rest = reinterpret_cast<const char*>(&size) + n;
  return SendBytes(socket, rest, sizeof(size) - n) &&
         SendBytes(socket, body.data(), body.size());
}

bool ReceiveMessage(int socket, std::string* body, std::vector<int>* fds) {
  fds->clear();
  uint64_t size = 0;
  iovec part = {&size, sizeof(size)};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ControlBuffer control = {};
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof(control);
  ssize_t n;
  do {
    n = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr;
       entry = CMSG_NXTHDR(&header, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t num_fds = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    fds->resize(num_fds);
    std::memcpy(fds->data(), CMSG_DATA(entry), num_fds * sizeof(int));
  }
  char* rest = reinterpret_cast<char*>(&size) + n;
  if (!ReceiveBytes(socket, rest, sizeof(size) - n) || size > kMaxBytes) {
    return false;
  }
  body->resize(size);
  return ReceiveBytes(socket, body->data(), size);
}

}  // namespace r1
