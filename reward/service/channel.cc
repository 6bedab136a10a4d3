#include "reward/service/channel.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace r1 {
namespace {

constexpr int kKeepaliveMs = 5000;
constexpr int kKeepaliveTimeoutMs = 2000;
constexpr int kFirstReconnectMs = 100;
constexpr int kMaxReconnectMs = 2000;
constexpr int kConnectTimeoutMs = 5000;  // of one attempt
// A server must allow pings at least as often as clients send them.
constexpr int kMinPingIntervalMs = 1000;

// How the message of a busy server begins.
constexpr char kBusy[] = "busy";

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeRewardChannel(
    const std::string& address) {
  R1_RETURN_IF_ERROR(ParseHostPort(address, /*lowest_port=*/1).status());
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxRewardMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  // In spite of its name, how long one attempt may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  // The client retries, logs and counts by itself; and a proxy named in the
  // environment is not meant for this.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

absl::StatusOr<std::vector<RewardEndpoint>> MakeRewardEndpoints(
    absl::Span<const std::string> addresses) {
  std::vector<RewardEndpoint> endpoints;
  for (const std::string& address : addresses) {
    R1_ASSIGN_OR_RETURN(auto channel, MakeRewardChannel(address));
    endpoints.push_back({address, std::move(channel)});
  }
  return endpoints;
}

std::vector<std::string> EndpointNames(
    absl::Span<const RewardEndpoint> endpoints) {
  std::vector<std::string> names;
  for (const RewardEndpoint& endpoint : endpoints) {
    names.push_back(endpoint.name());
  }
  return names;
}

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      ToValidUtf8(status.error_message()));
}

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      ToValidUtf8(status.message()));
}

grpc::Status BusyStatus(int num_calls) {
  return grpc::Status(
      grpc::StatusCode::UNAVAILABLE,
      absl::StrCat(kBusy, ": ", num_calls, " calls are being scored"));
}

bool IsBusy(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         absl::StartsWith(status.error_message(), kBusy);
}

bool IsAway(const grpc::Status& status) {
  return (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
          status.error_code() == grpc::StatusCode::CANCELLED) &&
         !IsBusy(status);
}

bool IsForGood(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return true;
    default:
      return false;
  }
}

void SetRewardServerOptions(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMaxRewardMessageBytes);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kMinPingIntervalMs);
  // With SO_REUSEPORT a second server would silently take half the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace r1
