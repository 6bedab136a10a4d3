// A learner's services and workers on threads, in a test.
#ifndef R1_TESTS_ROLLOUT_SERVICE_TESTING_H_
#define R1_TESTS_ROLLOUT_SERVICE_TESTING_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_client.h"
#include "rollout/coordinator_server.h"
#include "rollout/worker.h"
#include "tests/rollout/run_engine.h"
#include "tests/rollout/tiny_model.h"

namespace r1 {

// Bounds nothing but a hang.
inline constexpr absl::Duration kPatience = absl::Minutes(4);
// No lease lapses by itself, however slow the machine; tests move the clock.
inline constexpr absl::Duration kLeaseTtl = absl::Hours(1);

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

// A worker on a thread that calls a service of the test's own, in this process.
// The service outlives it.
class InProcessWorker {
 public:
  InProcessWorker(grpc::Service* service, const WorkerOptions& options)
      : server_(Serve(service)), thread_([this, options](std::stop_token stop) {
          const absl::Status status =
              Worker(server_->InProcessChannel(grpc::ChannelArguments()),
                     options)
                  .Run(std::move(stop));
          EXPECT_TRUE(status.ok()) << status;
        }) {}
  // Until the worker has ended by itself; otherwise it is told to.
  void Wait() { thread_.join(); }

 private:
  static std::unique_ptr<grpc::Server> Serve(grpc::Service* service) {
    grpc::ServerBuilder builder;
    builder.RegisterService(service);
    return builder.BuildAndStart();
  }

  std::unique_ptr<grpc::Server> server_;
  std::jthread thread_;
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    for (uint64_t prompt = 1; prompt <= 6; ++prompt) {
      works_.push_back(MakeWork(config_, prompt, 8, 40));
    }
  }

  CoordinatorOptions Options() {
    CoordinatorOptions options;
    options.build_id = "build-a";
    options.device = CpuTargetName();
    options.model = config_;
    options.config_json = ModelConfigToJson(config_);
    options.tokenizer_json = tokenizer_json_;
    options.max_batch = 8;
    options.lease_ttl = kLeaseTtl;
    options.share_grace = kLeaseTtl;
    options.now = [this] {
      return absl::Now() + absl::Milliseconds(clock_offset_ms_.load());
    };
    return options;
  }
  // Moves the coordinator's clock.
  void AdvanceClock(absl::Duration d) {
    clock_offset_ms_ += absl::ToInt64Milliseconds(d);
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
    options.reconnect = kPatience;
    return options;
  }

  JoinRequest JoinRequestOf(const std::string& name) const {
    JoinRequest join;
    join.set_worker_name(name);
    join.set_build_id("build-a");
    join.set_device(CpuTargetName());
    return join;
  }

  // The only worker of this name.
  WorkerStatus StatusOf(const std::string& name) const {
    for (const WorkerStatus& status : coordinator_->Workers()) {
      if (status.name == name) return status;
    }
    return {};
  }

  std::unique_ptr<RemoteWorker> StartWorker(const std::string& name) {
    return std::make_unique<RemoteWorker>(server_->address(),
                                          WorkerNamed(name));
  }

  WeightsId Id(uint64_t version) const {
    WeightsId id;
    id.set_version(version);
    id.set_sha256(HashWeights(*weights_, ops_.get()));
    return id;
  }

  // Publishes the current weights, has all work done, and takes them back.
  Samples RunVersion(uint64_t version) {
    Samples samples;
    EXPECT_TRUE(coordinator_->Publish(Id(version), weights_).ok());
    for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
    Collect(&samples, 6 * 8);
    coordinator_->Withdraw();
    return samples;
  }

  void Collect(Samples* samples, int count) {
    for (int i = 0; i < count; ++i) {
      auto trajectory = coordinator_->Next(absl::Now() + kPatience);
      ASSERT_TRUE(trajectory.ok()) << trajectory.status();
      const SampleKey key(trajectory->prompt_id(), trajectory->sample_index());
      EXPECT_FALSE(trajectory->worker().empty());
      trajectory->clear_worker();  // the bits are anybody's
      ASSERT_TRUE(samples->emplace(key, trajectory->SerializeAsString()).second)
          << "sample " << key.second << " of prompt " << key.first << " twice";
    }
  }

  bool AllHaveWorked() const {
    for (const WorkerStatus& status : coordinator_->Workers()) {
      if (status.samples_finished == 0) return false;
    }
    return true;
  }

  Samples Expected(uint64_t version) const {
    return RunEngine(config_, *weights_, version, works_);
  }

  std::atomic<int64_t> clock_offset_ms_ = 0;
  ModelConfig config_ = TinyConfig();
  std::string tokenizer_json_ = TinyTokenizerJson();
  std::unique_ptr<Ops> ops_ = MakeCpuOps(1);
  ParamSet params_ = TinyParams(config_, 3);
  std::shared_ptr<PolicyWeights> weights_ = TinyWeights(config_, 3, ops_.get());
  std::vector<RolloutWork> works_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<CoordinatorServer> server_;
};

}  // namespace r1

#endif  // R1_TESTS_ROLLOUT_SERVICE_TESTING_H_
