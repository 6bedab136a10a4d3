#include "base/host_port.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace r1 {

absl::StatusOr<HostPort> ParseHostPort(absl::string_view address,
                                       int lowest_port) {
  constexpr size_t kShownBytes = 48;
  const absl::Status bad = absl::InvalidArgumentError(absl::StrCat(
      "address \"", absl::CHexEscape(address.substr(0, kShownBytes)),
      address.size() > kShownBytes ? "..." : "",
      "\": expected HOST:PORT with a port from ", lowest_port,
      " to 65535, e.g. 127.0.0.1:7000 or [::1]:7000"));
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return bad;
  absl::string_view host = address.substr(0, colon);
  const bool is_bracketed =
      absl::StartsWith(host, "[") && absl::EndsWith(host, "]");
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  HostPort result;
  if (host.empty() || is_bracketed != absl::StrContains(host, ":") ||
      host.find_first_of(" /") != host.npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &result.port) ||
      result.port < lowest_port || result.port > 65535) {
    return bad;
  }
  result.host = std::string(host);
  return result;
}

std::string FormatHostPort(const HostPort& address) {
  const bool is_v6 = absl::StrContains(address.host, ":");
  return absl::StrCat(is_v6 ? "[" : "", address.host, is_v6 ? "]" : "", ":",
                      address.port);
}

absl::Status CheckCanListen(const HostPort& address) {
  const std::string name = FormatHostPort(address);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(
      address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", name, ": ", gai_strerror(error),
                     "; give an address of this machine"));
  }
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  // As gRPC does: a port in TIME_WAIT is free, one that is listened on is not.
  const bool is_free =
      fd >= 0 &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
      bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
  const int reason = errno;
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  if (is_free) return absl::OkStatus();
  const bool is_taken = reason == EADDRINUSE;
  return absl::Status(
      is_taken ? absl::StatusCode::kUnavailable
               : absl::StatusCode::kFailedPrecondition,
      absl::StrCat("cannot listen on ", name, ": ", std::strerror(reason),
                   is_taken ? "; stop the process that holds the address or "
                              "choose another port (port 0 = any free one)"
                            : "; give an address of this machine"));
}

}  // namespace r1
