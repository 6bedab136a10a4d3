// Serves a coordinator to workers of this process and of others.
#ifndef R1_ROLLOUT_COORDINATOR_SERVER_H_
#define R1_ROLLOUT_COORDINATOR_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_service.h"

namespace r1 {

// Also answers grpc.health.v1. Neither encrypted nor authenticated: listen on
// loopback or a private network only.
// Threads: safe from any thread.
class CoordinatorServer {
 public:
  // listen: "host:port", port 0 for any free one; "" serves this process only.
  // Errors: InvalidArgument for a malformed address, FailedPrecondition for one
  // that is not this machine's, Unavailable for a port in use; one line, with
  // the remedy.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(
      Coordinator* coordinator, const std::string& listen);
  // Ends all calls.
  ~CoordinatorServer();

  // "host:port" with the port in use; "" if it serves this process only.
  const std::string& address() const { return address_; }
  std::shared_ptr<grpc::Channel> InProcessChannel();

 private:
  explicit CoordinatorServer(Coordinator* coordinator)
      : service_(coordinator) {}

  CoordinatorService service_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_COORDINATOR_SERVER_H_
