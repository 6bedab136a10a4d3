// Workers, weights and prompts that are not right: what ends a run, and what
// costs only itself.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rollout/coordinator_service.h"
#include "rollout/embedded_worker.h"
#include "rollout/weights_assembler.h"
#include "tests/rollout/service_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST_F(ServiceTest, AWorkerOfAnotherBuildSaysBothNames) {
  StartLearner(Options());
  WorkerOptions options = WorkerNamed("w");
  options.build_id = "build-b";
  RemoteWorker worker(server_->address(), options);
  const absl::Status status = worker.Wait();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("build-a"));
  EXPECT_THAT(status.ToString(), HasSubstr("build-b"));
}

TEST_F(ServiceTest, APortInUseIsOneClearLine) {
  StartLearner(Options());
  const auto second =
      CoordinatorServer::Start(coordinator_.get(), server_->address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(second.status().ToString(), HasSubstr(server_->address()));
  EXPECT_THAT(second.status().ToString(), HasSubstr("Address already in use"));
  for (const char* bad : {"7777", ":7777", "localhost:", "localhost:x",
                          "localhost:70000", "localhost:-1"}) {
    EXPECT_EQ(CoordinatorServer::Start(coordinator_.get(), bad).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
  EXPECT_EQ(CoordinatorServer::Start(coordinator_.get(), "203.0.113.1:0")
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServiceTest, APromptThatIsTooLongEndsTheRunByName) {
  StartLearner(Options());
  const std::unique_ptr<RemoteWorker> worker = StartWorker("w");
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  RolloutWork work = MakeWork(config_, 17, 2, 5);
  for (int i = 0; i < 200; ++i) work.prompt.add_token_ids(5);
  coordinator_->Enqueue(work);
  const absl::Status status =
      coordinator_->Next(absl::Now() + kPatience).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(),
              HasSubstr("worker w, and there is no other, failed twice: prompt "
                        "17, sample"));
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker->Wait().ok()) << "the worker is not to blame";
}

TEST_F(ServiceTest, WeightsThatAreNotFiniteEndTheRunByName) {
  weights_->Write(0, 3, {NAN});
  StartLearner(Options());
  const std::unique_ptr<RemoteWorker> worker = StartWorker("w");
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  coordinator_->Enqueue(works_[0]);
  const absl::Status status =
      coordinator_->Next(absl::Now() + kPatience).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.ToString(), HasSubstr("prompt 1, sample"));
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker->Wait().ok());
}

// Weights in a memory with a bad bit, next to those of the learner.
class BadMemory : public WeightSource {
 public:
  explicit BadMemory(std::shared_ptr<const PolicyWeights> bad)
      : bad_(std::move(bad)) {}
  absl::StatusOr<std::shared_ptr<const PolicyWeights>> Get(
      const WeightsId&) override {
    return bad_;
  }
  bool IsCurrent(const WeightsId&) const override { return true; }

 private:
  std::shared_ptr<const PolicyWeights> bad_;
};

TEST_F(ServiceTest, AWorkerWithBadMemoryIsPutOutOfServiceAndTheRunGoesOn) {
  CoordinatorOptions options = Options();
  std::vector<std::string> events;
  options.on_event = [&](const std::string& kind, const std::string& message) {
    if (kind == "worker-quarantined") events.push_back(message);
  };
  StartLearner(options);
  const std::shared_ptr<PolicyWeights> bad =
      TinyWeights(config_, 3, ops_.get());
  bad->Write(0, 3, {NAN});
  BadMemory memory(bad);
  WorkerOptions faulty = WorkerNamed("faulty");
  faulty.shared_weights = &memory;
  RemoteWorker first(server_->address(), faulty);
  ASSERT_TRUE(coordinator_->WaitForWorkers(1, absl::Now() + kPatience).ok());
  const std::unique_ptr<RemoteWorker> healthy = StartWorker("healthy");
  ASSERT_TRUE(coordinator_->WaitForWorkers(2, absl::Now() + kPatience).ok());
  EXPECT_EQ(RunVersion(1), Expected(1));
  const absl::Status refused = first.Wait();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("worker healthy generated"));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_THAT(events[0], HasSubstr("worker faulty is out of service"));
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(healthy->Wait().ok());
}

TEST_F(ServiceTest, AnEmbeddedWorkerThatCannotJoinEndsTheRun) {
  StartLearner(Options(), "");
  WorkerOptions options = WorkerNamed("w");
  options.build_id = "build-b";
  EmbeddedWorker worker(coordinator_.get(), server_.get(), options);
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  coordinator_->Enqueue(works_[0]);
  EXPECT_EQ(coordinator_->Next(absl::Now() + kPatience).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// A hash that does not belong to the weights, as after a mix-up of versions.
TEST_F(ServiceTest, AWorkerRefusesWeightsWithAnotherHash) {
  StartLearner(Options());
  const std::unique_ptr<RemoteWorker> worker = StartWorker("w");
  WeightsId id = Id(1);
  const std::string actual = id.sha256();
  id.set_sha256(std::string(64, 'a'));
  ASSERT_TRUE(coordinator_->Publish(id, weights_).ok());
  coordinator_->Enqueue(works_[0]);
  const absl::Status status = worker->Wait();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.ToString(), HasSubstr("version 1"));
  EXPECT_THAT(status.ToString(), HasSubstr(actual));
  EXPECT_THAT(status.ToString(), HasSubstr(id.sha256()));
  // Nothing was generated, and everything can be leased again.
  const absl::Status next =
      coordinator_->Next(absl::Now() + absl::Milliseconds(10)).status();
  EXPECT_EQ(next.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(next.ToString(), HasSubstr("8 from a worker to take them"));
}

// Damages what passes through: every second transfer of weights.
class DamagingService : public CoordinatorService {
 public:
  using CoordinatorService::CoordinatorService;
  grpc::Status FetchWeights(grpc::ServerContext* context,
                            const WeightsRequest* request,
                            grpc::ServerWriter<WeightsChunk>* writer) override {
    if (++transfers_ % 2 == 0) {
      return CoordinatorService::FetchWeights(context, request, writer);
    }
    const auto weights = *coordinator()->weights().Get(request->weights());
    WeightsChunk chunk = MakeWeightsChunk(*weights, 0);
    (*chunk.mutable_data())[1000] ^= 16;
    writer->Write(chunk);
    return grpc::Status::OK;
  }
  int transfers() const { return transfers_; }

 private:
  std::atomic<int> transfers_ = 0;
};

TEST_F(ServiceTest, AChunkDamagedOnTheWayIsFetchedAgain) {
  coordinator_ = std::make_unique<Coordinator>(Options());
  DamagingService service(coordinator_.get());
  InProcessWorker worker(&service, WorkerNamed("w"));
  EXPECT_EQ(RunVersion(1), Expected(1));
  EXPECT_EQ(service.transfers(), 2);
  coordinator_->FinishRun(kPatience);
  worker.Wait();
}

}  // namespace
}  // namespace r1
