// What reward clients and servers must agree on: settings of gRPC, and what an
// error says.
#ifndef R1_REWARD_SERVICE_CHANNEL_H_
#define R1_REWARD_SERVICE_CHANNEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "grpcpp/channel.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/status.h"

namespace r1 {

// Largest message either side accepts; gRPC's own default is 4 MiB.
inline constexpr int kMaxRewardMessageBytes = 64 << 20;
// Largest item: leaves room for the rest of a request.
inline constexpr int kMaxRewardItemBytes = kMaxRewardMessageBytes - (1 << 20);

// A channel to host:port that notices a silent peer after 5 + 2 s of a call
// (a closed one at once) and tries to connect again within 2 s, giving each
// attempt 5 s. Connects when first used; a server that is not there yet shows
// as a failing call. Errors: InvalidArgument unless it is host:port with a port
// of 1 to 65535.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeRewardChannel(
    const std::string& address);

// Where a service is, and the way to it.
struct RewardEndpoint {
  std::string address;  // host:port; empty for the service in this process
  std::shared_ptr<grpc::Channel> channel;

  // For messages: the address, or "in this process".
  std::string name() const {
    return address.empty() ? "in this process" : address;
  }
};

// One for each address. Errors: as MakeRewardChannel's.
absl::StatusOr<std::vector<RewardEndpoint>> MakeRewardEndpoints(
    absl::Span<const std::string> addresses);

// Their names.
std::vector<std::string> EndpointNames(
    absl::Span<const RewardEndpoint> endpoints);

// Both kinds of status have the codes of google.rpc.Code; messages are made
// valid UTF-8.
absl::Status FromGrpc(const grpc::Status& status);
grpc::Status ToGrpc(const absl::Status& status);

// A service that has as many calls under way as it takes: it is there, and the
// call may be sent again.
grpc::Status BusyStatus(int num_calls);
bool IsBusy(const grpc::Status& status);
// Nobody answered: there is no server, or it is stopping.
bool IsAway(const grpc::Status& status);
// Errors that no retry and no other batch would change.
bool IsForGood(const grpc::Status& status);

// The server side of the same: allows the pings, refuses a port in use.
void SetRewardServerOptions(grpc::ServerBuilder* builder);

}  // namespace r1

#endif  // R1_REWARD_SERVICE_CHANNEL_H_
