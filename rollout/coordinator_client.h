// The coordinator's calls as a worker makes them: with a deadline each, and
// all to be cut short at once.
#ifndef R1_ROLLOUT_COORDINATOR_CLIENT_H_
#define R1_ROLLOUT_COORDINATOR_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/rollout.grpc.pb.h"

namespace r1 {

// Limits and keepalive of a worker's end: a silent peer is given up after 7 s.
grpc::ChannelArguments CoordinatorChannelArguments();
// A channel to "host:port"; connects when first used, and again whenever the
// connection is lost.
std::shared_ptr<grpc::Channel> MakeCoordinatorChannel(
    const std::string& address);

// Errors of all calls: those of the service, Unavailable if the coordinator
// cannot be reached, DeadlineExceeded if it does not answer, Cancelled.
// Threads: safe from any thread.
class CoordinatorClient {
 public:
  explicit CoordinatorClient(const std::shared_ptr<grpc::Channel>& channel);

  absl::StatusOr<JoinReply> Join(const JoinRequest& request);
  absl::StatusOr<AcquireReply> Acquire(const AcquireRequest& request);
  absl::StatusOr<RenewReply> Renew(const RenewRequest& request);
  // Calls on_chunk for every chunk; its error ends the transfer and is
  // returned.
  absl::Status FetchWeights(
      const WeightsRequest& request,
      absl::FunctionRef<absl::Status(const WeightsChunk&)> on_chunk);
  // These two also work after Cancel.
  absl::StatusOr<SubmitReply> Submit(const SubmitRequest& request);
  absl::Status Leave(const LeaveRequest& request);

  // Ends all calls in flight and refuses new ones, but for the two above.
  void Cancel();
  // When the coordinator answered last, or this object was made.
  absl::Time last_contact() const;

 private:
  class Call;

  template <typename Request, typename Reply>
  absl::StatusOr<Reply> Unary(grpc::Status (RolloutCoordinator::Stub::*method)(
                                  grpc::ClientContext*, const Request&, Reply*),
                              const Request& request, absl::Duration timeout,
                              bool is_exempt);

  std::unique_ptr<RolloutCoordinator::Stub> stub_;
  mutable absl::Mutex mutex_;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_contact_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_ROLLOUT_COORDINATOR_CLIENT_H_
