#include "reward/service/server.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "reward/service/channel.h"

namespace r1 {
namespace {

constexpr char kServiceName[] = "r1.Reward";

// A port that is taken may be free later; an address that is not this
// machine's stays so.
absl::Status CannotListen(const std::string& address, absl::StatusCode code,
                          absl::string_view reason) {
  const bool is_taken = code == absl::StatusCode::kUnavailable;
  return absl::Status(
      code, absl::StrCat("cannot listen on ", address, ": ", reason,
                         is_taken ? "; stop the process that holds the address "
                                    "or choose another port"
                                  : "; give an address of this machine"));
}

// Binds and releases the address. gRPC would say only that it failed, after
// several log lines of its own; this has the system's reason.
absl::Status CheckCanListen(const std::string& address,
                            const HostPort& host_port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host_port.host.c_str(), absl::StrCat(host_port.port).c_str(),
                  &hints, &found);
  if (error != 0) {
    return CannotListen(address, absl::StatusCode::kFailedPrecondition,
                        gai_strerror(error));
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
  if (!is_free) {
    return CannotListen(address,
                        reason == EADDRINUSE
                            ? absl::StatusCode::kUnavailable
                            : absl::StatusCode::kFailedPrecondition,
                        std::strerror(reason));
  }
  return absl::OkStatus();
}

// The address with the port that was taken in place of 0.
std::string BoundAddress(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RewardServer>> RewardServer::Start(
    const std::string& address, RewardRegistry registry,
    const RewardServiceOptions& options) {
  R1_ASSIGN_OR_RETURN(const HostPort host_port,
                      ParseHostPort(address, /*lowest_port=*/0));
  R1_RETURN_IF_ERROR(CheckCanListen(address, host_port));
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
    return CannotListen(address, absl::StatusCode::kUnavailable,
                        "gRPC could not bind it");
  }
  server->address_ = BoundAddress(address, server->port_);
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
