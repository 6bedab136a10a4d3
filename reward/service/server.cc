#include "reward/service/server.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "reward/service/channel.h"

namespace r1 {
namespace {

constexpr char kServiceName[] = "r1.Reward";

}  // namespace

absl::StatusOr<std::unique_ptr<RewardServer>> RewardServer::Start(
    const std::string& address, RewardRegistry registry,
    const RewardServiceOptions& options) {
  R1_ASSIGN_OR_RETURN(const HostPort host_port,
                      ParseHostPort(address, /*lowest_port=*/0));
  R1_RETURN_IF_ERROR(CheckCanListen(host_port));
  std::unique_ptr<RewardServer> server(
      new RewardServer(std::move(registry), options));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetRewardServerOptions(&builder);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(),
                           &server->port_);
  builder.RegisterService(&server->service_);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address,
        ": gRPC could not bind it; choose another address or port"));
  }
  server->address_ = FormatHostPort({host_port.host, server->port_});
  server->server_->GetHealthCheckService()->SetServingStatus(kServiceName,
                                                             true);
  return server;
}

void RewardServer::Shutdown(absl::Duration grace) {
  if (is_shut_down_ || server_ == nullptr) return;
  is_shut_down_ = true;
  auto* health = server_->GetHealthCheckService();
  if (health != nullptr) health->SetServingStatus(false);
  service_.Drain(absl::Now() + grace);
  // All calls are answered; what is left are their last bytes and watchers of
  // the health service, which never end by themselves.
  server_->Shutdown(absl::ToChronoTime(absl::Now() + absl::Milliseconds(100)));
}

RewardServer::~RewardServer() { Shutdown(absl::ZeroDuration()); }

EmbeddedRewardService::EmbeddedRewardService(
    RewardRegistry registry, const RewardServiceOptions& options)
    : server_(new RewardServer(std::move(registry), options)) {
  grpc::ServerBuilder builder;
  SetRewardServerOptions(&builder);
  builder.RegisterService(&server_->service_);
  server_->server_ = builder.BuildAndStart();
  R1_CHECK(server_->server_ != nullptr, "a server without ports starts");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxRewardMessageBytes);
  channel_ = server_->server_->InProcessChannel(arguments);
}

}  // namespace r1
