// A reward service that runs in this process: on a TCP port, or embedded.
#ifndef R1_REWARD_SERVICE_SERVER_H_
#define R1_REWARD_SERVICE_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/server.h"
#include "reward/core/registry.h"
#include "reward/service/service.h"

namespace r1 {

// Serves Reward and the standard health service (grpc.health.v1; the services
// "" and "r1.Reward" are SERVING until Shutdown begins).
// Threads: all functions may be called from any thread; Shutdown by one.
class RewardServer {
 public:
  // Listens on host:port; port 0 takes a free one.
  // Errors: InvalidArgument for a bad address; Unavailable, in one line, when
  // the address cannot be listened on, e.g. a port in use.
  static absl::StatusOr<std::unique_ptr<RewardServer>> Start(
      const std::string& address, RewardRegistry registry,
      const RewardServiceOptions& options);

  // Reports NOT_SERVING, refuses new calls, gives running ones `grace` to
  // finish and stops. Later calls do nothing.
  void Shutdown(absl::Duration grace);

  // Shuts down without grace. Waits for rules that are running.
  ~RewardServer();

  int port() const { return port_; }
  // host:port, with the port that was taken.
  const std::string& address() const { return address_; }

 private:
  friend class EmbeddedRewardService;

  RewardServer(RewardRegistry registry, const RewardServiceOptions& options)
      : service_(std::move(registry), options) {}

  RewardService service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  int port_ = 0;
  bool is_shut_down_ = false;
};

// The same service without a port, reached through gRPC's in-process channel:
// same code path, same results.
class EmbeddedRewardService {
 public:
  EmbeddedRewardService(RewardRegistry registry,
                        const RewardServiceOptions& options);

  // Clients must be gone before this object is.
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }

 private:
  std::unique_ptr<RewardServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace r1

#endif  // R1_REWARD_SERVICE_SERVER_H_
