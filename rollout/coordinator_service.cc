#include "rollout/coordinator_service.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "rollout/grpc_status.h"
#include "rollout/weights_assembler.h"

namespace r1 {
namespace {

// Longest wait of one Acquire call, whatever the worker asks for.
constexpr int64_t kMaxWaitMs = 30000;

template <typename Reply>
grpc::Status Return(absl::StatusOr<Reply> result, Reply* reply) {
  if (result.ok()) *reply = *std::move(result);
  return ToGrpc(result.status());
}

}  // namespace

grpc::Status CoordinatorService::Join(grpc::ServerContext* context,
                                      const JoinRequest* request,
                                      JoinReply* reply) {
  absl::StatusOr<JoinReply> joined = coordinator_->Join(*request);
  const std::string peer = context->peer();
  if (peer.find(':') != std::string::npos) {  // not of this process
    LogInfo(joined.ok() ? absl::StrCat("worker ", request->worker_name(),
                                       " joined from ", peer)
                        : absl::StrCat("refused from ", peer, ": ",
                                       joined.status().message()));
  }
  return Return(std::move(joined), reply);
}

grpc::Status CoordinatorService::Acquire(grpc::ServerContext* context,
                                         const AcquireRequest* request,
                                         AcquireReply* reply) {
  AcquireRequest bounded = *request;
  bounded.set_wait_ms(std::min(request->wait_ms(), kMaxWaitMs));
  return Return(coordinator_->Acquire(
                    bounded, [context] { return context->IsCancelled(); }),
                reply);
}

grpc::Status CoordinatorService::Renew(grpc::ServerContext*,
                                       const RenewRequest* request,
                                       RenewReply* reply) {
  return Return(coordinator_->Renew(*request), reply);
}

grpc::Status CoordinatorService::Submit(grpc::ServerContext*,
                                        const SubmitRequest* request,
                                        SubmitReply* reply) {
  return Return(coordinator_->Submit(*request), reply);
}

grpc::Status CoordinatorService::FetchWeights(
    grpc::ServerContext*, const WeightsRequest* request,
    grpc::ServerWriter<WeightsChunk>* writer) {
  const absl::Status known = coordinator_->Heard(request->worker_id());
  if (!known.ok()) return ToGrpc(known);
  const absl::StatusOr<std::shared_ptr<const PolicyWeights>> weights =
      coordinator_->weights().Get(request->weights());
  if (!weights.ok()) return ToGrpc(weights.status());
  const int64_t num_chunks = NumWeightsChunks(**weights);
  for (int64_t i = 0; i < num_chunks; ++i) {
    if (!writer->Write(MakeWeightsChunk(**weights, i))) {
      return grpc::Status(grpc::StatusCode::CANCELLED, "the worker is gone");
    }
    // A long transfer is a sign of life.
    const absl::Status heard = coordinator_->Heard(request->worker_id());
    if (!heard.ok()) return ToGrpc(heard);
  }
  return grpc::Status::OK;
}

grpc::Status CoordinatorService::Leave(grpc::ServerContext*,
                                       const LeaveRequest* request,
                                       LeaveReply*) {
  return ToGrpc(coordinator_->Leave(*request));
}

}  // namespace r1
