#include "rollout/coordinator_server.h"

#include <grpcpp/health_check_service_interface.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "rollout/coordinator_client.h"

namespace r1 {
namespace {

struct HostPort {
  std::string host, port;
};

absl::StatusOr<HostPort> Split(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  int port = -1;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(listen.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot listen on \"", listen,
        "\": expected HOST:PORT, e.g. 127.0.0.1:7777 (port 0 = any free one)"));
  }
  return HostPort{listen.substr(0, colon), listen.substr(colon + 1)};
}

// Binds and lets go again: gRPC reports a failed bind only as a log line.
absl::Status TryBind(const HostPort& address) {
  std::string host = address.host;
  if (host.size() > 2 && host.front() == '[') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", address.host, ":", address.port, ": ",
                     gai_strerror(error), "; give an address of this machine"));
  }
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  absl::Status status;
  if (fd < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
      bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
    const bool is_taken = errno == EADDRINUSE;
    status = absl::Status(
        is_taken ? absl::StatusCode::kUnavailable
                 : absl::StatusCode::kFailedPrecondition,
        absl::StrCat("cannot listen on ", address.host, ":", address.port, ": ",
                     std::strerror(errno),
                     is_taken ? "; stop the process that uses the port or "
                                "choose another (port 0 = any free one)"
                              : "; give an address of this machine"));
  }
  if (fd >= 0) close(fd);
  freeaddrinfo(found);
  return status;
}

void SetLimits(grpc::ServerBuilder* builder) {
  // A submission of 64 samples of 32,768 tokens has 18 MB.
  builder->SetMaxReceiveMessageSize(64 << 20);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 64);
  // Two servers on one port would each get some of the workers.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    Coordinator* coordinator, const std::string& listen) {
  std::unique_ptr<CoordinatorServer> result(new CoordinatorServer(coordinator));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetLimits(&builder);
  builder.RegisterService(&result->service_);
  int port = 0;
  std::string host;
  if (!listen.empty()) {
    R1_ASSIGN_OR_RETURN(const HostPort address, Split(listen));
    R1_RETURN_IF_ERROR(TryBind(address));
    host = address.host;
    builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  }
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr || (!listen.empty() && port == 0)) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", listen, "; choose another address or port"));
  }
  if (!listen.empty()) result->address_ = absl::StrCat(host, ":", port);
  return result;
}

CoordinatorServer::~CoordinatorServer() {
  if (server_ == nullptr) return;
  // Calls that wait for work see their cancellation within 0.2 s.
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::milliseconds(100));
}

std::shared_ptr<grpc::Channel> CoordinatorServer::InProcessChannel() {
  return server_->InProcessChannel(CoordinatorChannelArguments());
}

}  // namespace r1
