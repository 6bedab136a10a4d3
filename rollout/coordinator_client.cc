#include "rollout/coordinator_client.h"

#include "absl/time/clock.h"
#include "rollout/grpc_status.h"

namespace r1 {
namespace {

// An answer that needs no waiting.
constexpr absl::Duration kTimeout = absl::Seconds(10);
// Large tokenizers have several megabytes.
constexpr absl::Duration kJoinTimeout = absl::Seconds(30);
// A dead peer is noticed by keepalive; this bounds a slow network.
constexpr absl::Duration kFetchTimeout = absl::Minutes(15);
constexpr absl::Duration kLeaveTimeout = absl::Seconds(2);

}  // namespace

grpc::ChannelArguments CoordinatorChannelArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(256 << 20);  // tokenizer.json
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 2000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A restarted learner is found within a second or two.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A proxy named in the environment is not meant for this.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Two workers of one process are two connections.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

std::shared_ptr<grpc::Channel> MakeCoordinatorChannel(
    const std::string& address) {
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   CoordinatorChannelArguments());
}

// Registers one call's context for Cancel, for as long as the call lasts.
class CoordinatorClient::Call {
 public:
  Call(CoordinatorClient* client, absl::Duration timeout, bool is_exempt)
      : client_(client) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    if (is_exempt) return;
    absl::MutexLock lock(&client_->mutex_);
    is_refused_ = client_->is_cancelled_;
    client_->contexts_.insert(&context_);
  }
  ~Call() {
    absl::MutexLock lock(&client_->mutex_);
    client_->contexts_.erase(&context_);
  }

  bool is_refused() const { return is_refused_; }
  grpc::ClientContext* context() { return &context_; }
  absl::Status Finish(const grpc::Status& status) {
    const absl::Status result = FromGrpc(status);
    absl::MutexLock lock(&client_->mutex_);
    // A server that shuts down cancels the calls it has.
    if (absl::IsCancelled(result) && !client_->is_cancelled_) {
      return absl::UnavailableError("the coordinator ended the call");
    }
    if (!absl::IsUnavailable(result) && !absl::IsDeadlineExceeded(result) &&
        !absl::IsCancelled(result)) {
      client_->last_contact_ = absl::Now();
    }
    return result;
  }

 private:
  CoordinatorClient* client_;
  grpc::ClientContext context_;
  bool is_refused_ = false;
};

CoordinatorClient::CoordinatorClient(
    const std::shared_ptr<grpc::Channel>& channel)
    : stub_(RolloutCoordinator::NewStub(channel)), last_contact_(absl::Now()) {}

template <typename Request, typename Reply>
absl::StatusOr<Reply> CoordinatorClient::Unary(
    grpc::Status (RolloutCoordinator::Stub::*method)(grpc::ClientContext*,
                                                     const Request&, Reply*),
    const Request& request, absl::Duration timeout, bool is_exempt) {
  Call call(this, timeout, is_exempt);
  if (call.is_refused()) return absl::CancelledError("the worker stops");
  Reply reply;
  const absl::Status status =
      call.Finish((stub_.get()->*method)(call.context(), request, &reply));
  if (!status.ok()) return status;
  return reply;
}

absl::StatusOr<JoinReply> CoordinatorClient::Join(const JoinRequest& request) {
  return Unary(&RolloutCoordinator::Stub::Join, request, kJoinTimeout, false);
}

absl::StatusOr<AcquireReply> CoordinatorClient::Acquire(
    const AcquireRequest& request) {
  return Unary(&RolloutCoordinator::Stub::Acquire, request,
               kTimeout + absl::Milliseconds(request.wait_ms()), false);
}

absl::StatusOr<RenewReply> CoordinatorClient::Renew(
    const RenewRequest& request) {
  return Unary(&RolloutCoordinator::Stub::Renew, request, kTimeout, false);
}

absl::StatusOr<SubmitReply> CoordinatorClient::Submit(
    const SubmitRequest& request) {
  return Unary(&RolloutCoordinator::Stub::Submit, request, kTimeout, true);
}

absl::Status CoordinatorClient::Leave(const LeaveRequest& request) {
  return Unary(&RolloutCoordinator::Stub::Leave, request, kLeaveTimeout, true)
      .status();
}

absl::Status CoordinatorClient::FetchWeights(
    const WeightsRequest& request,
    absl::FunctionRef<absl::Status(const WeightsChunk&)> on_chunk) {
  Call call(this, kFetchTimeout, false);
  if (call.is_refused()) return absl::CancelledError("the worker stops");
  const std::unique_ptr<grpc::ClientReader<WeightsChunk>> reader =
      stub_->FetchWeights(call.context(), request);
  WeightsChunk chunk;
  absl::Status status;
  while (status.ok() && reader->Read(&chunk)) status = on_chunk(chunk);
  if (!status.ok()) call.context()->TryCancel();
  const absl::Status transfer = call.Finish(reader->Finish());
  return status.ok() ? transfer : status;
}

void CoordinatorClient::Cancel() {
  absl::MutexLock lock(&mutex_);
  is_cancelled_ = true;
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
}

absl::Time CoordinatorClient::last_contact() const {
  absl::MutexLock lock(&mutex_);
  return last_contact_;
}

}  // namespace r1
