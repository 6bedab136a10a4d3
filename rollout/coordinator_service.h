// The coordinator behind gRPC: one line per call, and the stream of weights.
#ifndef R1_ROLLOUT_COORDINATOR_SERVICE_H_
#define R1_ROLLOUT_COORDINATOR_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "proto/rollout.grpc.pb.h"
#include "rollout/coordinator.h"

namespace r1 {

// Threads: safe from any thread.
class CoordinatorService : public RolloutCoordinator::Service {
 public:
  explicit CoordinatorService(Coordinator* coordinator)
      : coordinator_(coordinator) {}

  grpc::Status Join(grpc::ServerContext* context, const JoinRequest* request,
                    JoinReply* reply) override;
  grpc::Status Acquire(grpc::ServerContext* context,
                       const AcquireRequest* request,
                       AcquireReply* reply) override;
  grpc::Status Renew(grpc::ServerContext* context, const RenewRequest* request,
                     RenewReply* reply) override;
  grpc::Status Submit(grpc::ServerContext* context,
                      const SubmitRequest* request,
                      SubmitReply* reply) override;
  grpc::Status FetchWeights(grpc::ServerContext* context,
                            const WeightsRequest* request,
                            grpc::ServerWriter<WeightsChunk>* writer) override;
  grpc::Status Leave(grpc::ServerContext* context, const LeaveRequest* request,
                     LeaveReply* reply) override;

 protected:
  Coordinator* coordinator() const { return coordinator_; }

 private:
  Coordinator* coordinator_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_COORDINATOR_SERVICE_H_
