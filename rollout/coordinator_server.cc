#include "rollout/coordinator_server.h"

#include <grpcpp/health_check_service_interface.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "rollout/coordinator_client.h"

namespace r1 {
namespace {

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
  HostPort address;
  if (!listen.empty()) {
    R1_ASSIGN_OR_RETURN(address, ParseHostPort(listen, /*lowest_port=*/0));
    R1_RETURN_IF_ERROR(CheckCanListen(address));
    builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  }
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr || (!listen.empty() && port == 0)) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", listen, "; choose another address or port"));
  }
  if (!listen.empty()) result->address_ = FormatHostPort({address.host, port});
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
