// The gRPC settings that reward clients and servers must agree on.
#ifndef R1_REWARD_REWARD_CHANNEL_H_
#define R1_REWARD_REWARD_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/channel.h"
#include "grpcpp/server_builder.h"

namespace r1 {

// Largest message either side accepts; gRPC's own default is 4 MiB.
inline constexpr int kMaxRewardMessageBytes = 64 << 20;

// A channel to host:port that notices a silent peer after 5 + 2 s of a call
// (a closed one at once) and tries to connect again within 2 s, giving each
// attempt 5 s. Connects when first used; a server that is not there yet shows
// as a failing call. Errors: InvalidArgument unless it is host:port with a port
// of 1 to 65535.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeRewardChannel(
    const std::string& address);

// The server side of the same: allows the pings, refuses a port in use.
void SetRewardServerOptions(grpc::ServerBuilder* builder);

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  int port = 0;
};

// "127.0.0.1:7000", "localhost:0", "[::1]:7000".
// Errors: InvalidArgument, also for a port outside lowest_port to 65535.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view address,
                                       int lowest_port);

}  // namespace r1

#endif  // R1_REWARD_REWARD_CHANNEL_H_
