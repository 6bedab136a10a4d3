// Addresses that servers listen on and clients connect to.
#ifndef R1_BASE_HOST_PORT_H_
#define R1_BASE_HOST_PORT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  int port = 0;
};

// "127.0.0.1:7000", "localhost:0", "[::1]:7000".
// Errors: InvalidArgument, also for a port outside lowest_port to 65535.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view address,
                                       int lowest_port);

// How an address is written: HostPort's inverse.
std::string FormatHostPort(const HostPort& address);

// Binds and releases the address. gRPC would say only that it failed, after
// several log lines of its own; this has the system's reason.
// Errors: Unavailable for a port that is taken, which may be free later;
// FailedPrecondition for an address that is not this machine's.
absl::Status CheckCanListen(const HostPort& address);

}  // namespace r1

#endif  // R1_BASE_HOST_PORT_H_
