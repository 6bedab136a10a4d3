// A rollout worker: joins a coordinator and generates samples for it until the
// run is over. The same class runs on a thread of the learner and as a process
// of its own anywhere.
#ifndef R1_ROLLOUT_WORKER_H_
#define R1_ROLLOUT_WORKER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/tokenizer.h"
#include "rollout/coordinator_client.h"
#include "rollout/engine.h"
#include "rollout/fetched_weights.h"
#include "rollout/finished_samples.h"
#include "rollout/weight_source.h"

namespace r1 {

struct WorkerOptions {
  std::string name;      // for people, e.g. "node7/1234"
  std::string build_id;  // of this program
  Device* device = CpuDevice();
  int threads = 1;
  // How long the coordinator may be out of reach: at the start, and while a
  // learner is restarted.
  absl::Duration reconnect = absl::Seconds(60);
  // Weights in this process's memory; null fetches them from the coordinator.
  WeightSource* shared_weights = nullptr;
  // Memory of the KV cache; see EngineOptions.
  int64_t kv_bytes = int64_t{2} << 30;
};

// The way to the coordinator, asked for before each attempt to join: a learner
// that goes on may do so elsewhere. Null: the run is over. Unavailable: nobody
// knows yet.
using FindCoordinator =
    std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>()>;

// Threads: one call of Run.
class Worker {
 public:
  Worker(FindCoordinator find, WorkerOptions options);
  // To a coordinator that stays where it is.
  Worker(std::shared_ptr<grpc::Channel> channel, WorkerOptions options)
      : Worker([channel] { return channel; }, std::move(options)) {}

  // OK when the run is finished; Cancelled when stopped, after sending what
  // was finished and giving the rest back.
  // Errors: FailedPrecondition for another build or device (names
  // both); Unavailable when the coordinator was out of reach for too long;
  // DataLoss for weights with a wrong hash; whatever made generation
  // impossible.
  absl::Status Run(std::stop_token stop);

 private:
  // What the model of a run needs; kept while the run is joined again.
  struct Model {
    JoinReply joined;
    ModelConfig config;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::unique_ptr<FetchedWeights> fetched;
  };

  // The worker's place in a run.
  struct Connection {
    explicit Connection(const std::shared_ptr<grpc::Channel>& channel)
        : client(channel) {}
    CoordinatorClient client;
    JoinReply joined;
  };

  // Null: the run is over.
  absl::StatusOr<std::unique_ptr<Connection>> Join(const std::stop_token& stop);
  absl::StatusOr<std::unique_ptr<Connection>> TryToJoin(
      const std::stop_token& stop);
  absl::Status PrepareModel(const JoinReply& joined);
  absl::Status RunSession(CoordinatorClient* client, const JoinReply& joined,
                          const std::stop_token& stop);

  const FindCoordinator find_;
  const WorkerOptions options_;
  const std::unique_ptr<Ops> ops_;
  absl::Time last_contact_;
  std::unique_ptr<Model> model_;
  FinishedSamples undelivered_;  // of the last session
};

}  // namespace r1

#endif  // R1_ROLLOUT_WORKER_H_
