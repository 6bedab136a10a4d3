// A port for a server that a test starts, stops and starts again.
#ifndef R1_TESTS_BASE_RESERVED_PORT_H_
#define R1_TESTS_BASE_RESERVED_PORT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace r1 {

// Bound but not listening, with SO_REUSEADDR: a server with the same option, as
// gRPC's, may listen there by name, while the system gives the port to nobody
// who asks for a free one, also while the test's own server is down.
class ReservedPort {
 public:
  ReservedPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name);
    auto* generic = reinterpret_cast<sockaddr*>(&name);
    R1_CHECK(
        ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
            ::bind(fd_, generic, size) == 0 &&
            ::getsockname(fd_, generic, &size) == 0,
        "a port of the test's own");
    address_ = absl::StrCat("127.0.0.1:", ntohs(name.sin_port));
  }
  ~ReservedPort() { ::close(fd_); }
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  const std::string& address() const { return address_; }

 private:
  int fd_;
  std::string address_;
};

}  // namespace r1

#endif  // R1_TESTS_BASE_RESERVED_PORT_H_
