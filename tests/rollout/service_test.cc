// Coordinator, service and workers together: over the in-process channel and
// over TCP, with workers that come, go, fall silent and lie.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_client.h"
#include "rollout/coordinator_server.h"
#include "rollout/embedded_worker.h"
#include "rollout/grpc_status.h"
#include "rollout/worker.h"
#include "tests/rollout/run_engine.h"
#include "tests/rollout/tiny_model.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

// A worker on a thread of its own that fetches its weights.
class RemoteWorker {
 public:
  RemoteWorker(const std::string& address, WorkerOptions options)
      : thread_([this, address, options](std::stop_token stop) {
          status_ = Worker(MakeCoordinatorChannel(address), options)
                        .Run(std::move(stop));
          finished_.Notify();
        }) {}

  void Stop() { thread_.request_stop(); }
  absl::Status Wait() {
    EXPECT_TRUE(finished_.WaitForNotificationWithTimeout(kPatience));
    return status_;
  }

 private:
  absl::Status status_;
  absl::Notification finished_;
  std::jthread thread_;
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    for (uint64_t prompt = 1; prompt <= 6; ++prompt) {
      works_.push_back(MakeWork(config_, prompt, 8, 40));
    }
  }

  CoordinatorOptions Options() const {
    CoordinatorOptions options;
    options.build_id = "build-a";
    options.simd_target = CpuTargetName();
    options.model = config_;
    options.config_json = ModelConfigToJson(config_);
    options.tokenizer_json = tokenizer_json_;
    options.max_batch = 8;
    options.lease_ttl = absl::Seconds(2);
    return options;
  }

  void StartLearner(const CoordinatorOptions& options,
                    const std::string& listen = "127.0.0.1:0") {
    coordinator_ = std::make_unique<Coordinator>(options);
    auto server = CoordinatorServer::Start(coordinator_.get(), listen);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  static WorkerOptions WorkerNamed(const std::string& name) {
    WorkerOptions options;
    options.name = name;
    options.build_id = "build-a";
    options.reconnect = absl::Seconds(20);
    return options;
  }

  std::unique_ptr<RemoteWorker> StartWorker(const std::string& name) {
    return std::make_unique<RemoteWorker>(server_->address(),
                                          WorkerNamed(name));
  }

  WeightsId Id(uint64_t version) const {
    WeightsId id;
    id.set_version(version);
    id.set_sha256(HashParams(weights_->params()));
    return id;
  }

  // Publishes the current weights, has all work done, and takes them back.
  Samples RunVersion(uint64_t version) {
    Samples samples;
    EXPECT_TRUE(coordinator_->Publish(Id(version), weights_).ok());
    for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
    Collect(&samples, 6 * 8);
    coordinator_->Retract();
    return samples;
  }

  void Collect(Samples* samples, int count) {
    for (int i = 0; i < count; ++i) {
      auto trajectory = coordinator_->Next(absl::Now() + kPatience);
      ASSERT_TRUE(trajectory.ok()) << trajectory.status();
      const SampleKey key(trajectory->prompt_id(), trajectory->sample_index());
      ASSERT_TRUE(samples->emplace(key, trajectory->SerializeAsString()).second)
          << "sample " << key.second << " of prompt " << key.first << " twice";
    }
  }

  Samples Expected(uint64_t version) const {
    return RunEngine(config_, *weights_, version, works_);
  }

  ModelConfig config_ = TinyConfig();
  std::string tokenizer_json_ = TinyTokenizerJson();
  std::unique_ptr<Ops> ops_ = MakeCpuOps(1);
  std::shared_ptr<ModelWeights> weights_ = TinyWeights(config_, 3, ops_.get());
  std::vector<RolloutWork> works_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<CoordinatorServer> server_;
};

TEST_F(ServiceTest, AnEmbeddedWorkerGivesTheEnginesSamples) {
  StartLearner(Options(), "");
  EmbeddedWorker worker(coordinator_.get(), server_.get(), WorkerNamed("w"));
  EXPECT_EQ(RunVersion(1), Expected(1));
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(coordinator_->Workers().empty());
}

TEST_F(ServiceTest, AnyNumberOfWorkersOverTcpGivesTheEnginesSamples) {
  for (int num_workers : {1, 2, 3}) {
    StartLearner(Options());
    std::vector<std::unique_ptr<RemoteWorker>> workers;
    for (int i = 0; i < num_workers; ++i) {
      workers.push_back(StartWorker(absl::StrCat("w", i)));
    }
    ASSERT_TRUE(
        coordinator_->WaitForWorkers(num_workers, absl::Now() + kPatience)
            .ok());
    EXPECT_EQ(RunVersion(1), Expected(1)) << num_workers << " workers";
    int working = 0;
    for (const WorkerStatus& status : coordinator_->Workers()) {
      working += status.samples_finished > 0;
    }
    EXPECT_EQ(working, num_workers);
    coordinator_->FinishRun(kPatience);
    for (auto& worker : workers) EXPECT_TRUE(worker->Wait().ok());
  }
}

}  // namespace
}  // namespace r1
