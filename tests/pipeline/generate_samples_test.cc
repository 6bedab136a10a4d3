// Evaluations on workers: the same samples whoever makes them.
#include "pipeline/evaluation/generate_samples.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_client.h"
#include "rollout/coordinator_server.h"
#include "rollout/embedded_worker.h"
#include "rollout/worker.h"
#include "tests/rollout/run_engine.h"
#include "tests/rollout/tiny_model.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLeaseTtl = absl::Seconds(30);

class GenerateSamplesTest : public ::testing::Test {
 protected:
  GenerateSamplesTest() {
    for (uint64_t id = 1; id <= 6; ++id) {
      works_.push_back(MakeWork(config_, id, 8, 40));
      prompts_.push_back(works_.back().prompt);
    }
    options_.samples = 8;
    options_.sampling = works_[0].sampling;
    options_.seed = works_[0].seed;
    id_.set_version(7);
    id_.set_sha256(HashWeights(*weights_, ops_.get()));
    CoordinatorOptions options;
    options.build_id = "build-a";
    options.device = CpuTargetName();
    options.model = config_;
    options.config_json = ModelConfigToJson(config_);
    options.tokenizer_json = TinyTokenizerJson();
    options.max_batch = 8;
    options.lease_ttl = kLeaseTtl;
    options.now = [this] {
      return absl::Now() + absl::Seconds(clock_offset_s_.load());
    };
    coordinator_ = std::make_unique<Coordinator>(std::move(options));
    server_ = *CoordinatorServer::Start(coordinator_.get(), "127.0.0.1:0");
  }
  ~GenerateSamplesTest() override {
    coordinator_->FinishRun(absl::Seconds(60));
  }

  static WorkerOptions WorkerNamed(const std::string& name) {
    WorkerOptions options;
    options.name = name;
    options.build_id = "build-a";
    return options;
  }

  // A worker elsewhere, which fetches its weights.
  std::jthread StartWorker(const std::string& name) {
    return std::jthread([this, name](std::stop_token stop) {
      const absl::Status status =
          Worker(MakeCoordinatorChannel(server_->address()), WorkerNamed(name))
              .Run(std::move(stop));
      EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
    });
  }

  absl::StatusOr<std::vector<Trajectory>> Generate(
      const EvalProgress& progress = nullptr) {
    return GenerateSamples(id_, weights_, prompts_, options_,
                           coordinator_.get(), progress);
  }

  // What one engine makes of the prompts, without any service.
  void ExpectSamples(
      const absl::StatusOr<std::vector<Trajectory>>& trajectories) {
    ASSERT_TRUE(trajectories.ok()) << trajectories.status();
    const Samples expected = RunEngine(config_, *weights_, 7, works_);
    ASSERT_EQ(trajectories->size(), expected.size());
    size_t i = 0;
    for (const auto& [key, bytes] : expected) {  // by prompt, then sample
      Trajectory trajectory = (*trajectories)[i++];
      EXPECT_FALSE(trajectory.worker().empty());
      trajectory.clear_worker();
      EXPECT_EQ(trajectory.SerializeAsString(), bytes)
          << key.first << "/" << key.second;
    }
  }

  std::atomic<int64_t> clock_offset_s_ = 0;
  ModelConfig config_ = TinyConfig();
  std::unique_ptr<Ops> ops_ = MakeCpuOps(1);
  std::shared_ptr<PolicyWeights> weights_ = TinyWeights(config_, 4, ops_.get());
  std::vector<RolloutWork> works_;
  std::vector<Prompt> prompts_;
  EvalOptions options_;
  WeightsId id_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<CoordinatorServer> server_;
};

TEST_F(GenerateSamplesTest, TheWorkerInThisProcess) {
  const EmbeddedWorker worker(coordinator_.get(), server_.get(),
                              WorkerNamed("embedded"));
  int64_t last = 0;
  ExpectSamples(Generate([&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 48);
    EXPECT_GE(done, last);
    last = done;
    return true;
  }));
  EXPECT_EQ(last, 48);
  // The same weights serve another evaluation, or a step of training.
  ExpectSamples(Generate());
}

TEST_F(GenerateSamplesTest, AnyNumberOfWorkersElsewhere) {
  const std::jthread first = StartWorker("first");
  ExpectSamples(Generate());
  const std::jthread second = StartWorker("second");
  const std::jthread third = StartWorker("third");
  ASSERT_TRUE(
      coordinator_->WaitForWorkers(3, absl::Now() + absl::Minutes(2)).ok());
  ExpectSamples(Generate());
}

// It took samples and was never heard again.
TEST_F(GenerateSamplesTest, AWorkerThatDiesCostsNothing) {
  JoinRequest join;
  join.set_worker_name("dies");
  join.set_build_id("build-a");
  join.set_device(CpuTargetName());
  const uint64_t dead = coordinator_->Join(join)->worker_id();
  absl::StatusOr<std::vector<Trajectory>> trajectories;
  std::thread learner([&] { trajectories = Generate(); });
  AcquireRequest acquire;
  acquire.set_worker_id(dead);
  acquire.set_max_samples(8);
  acquire.set_wait_ms(absl::ToInt64Milliseconds(absl::Minutes(2)));
  const auto taken = coordinator_->Acquire(acquire, [] { return false; });
  EXPECT_TRUE(taken.ok() && taken->leases_size() > 0) << taken.status();
  clock_offset_s_ += 2 * absl::ToInt64Seconds(kLeaseTtl);
  const std::jthread worker = StartWorker("lives");
  learner.join();
  ExpectSamples(trajectories);
  EXPECT_GT(coordinator_->stats().requeued_samples, 0);
}

TEST_F(GenerateSamplesTest, NobodyThereIsAnErrorThatSaysSo) {
  options_.patience = {absl::Milliseconds(1), absl::Milliseconds(50)};
  const absl::Status status = Generate().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("evaluation: nothing for"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a worker to take them"));
}

TEST_F(GenerateSamplesTest, CanBeStopped) {
  const absl::Status status =
      Generate([](int64_t, int64_t) { return false; }).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(GenerateSamplesTest, TwoProblemsOfOneIdAreRefused) {
  prompts_[3].set_id(prompts_[1].id());
  prompts_[3].set_source("row 4");
  const absl::Status status = Generate().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("row 4"));
}

// Answers at once, and remembers how much was open at a time.
class InstantSource : public RolloutSource {
 public:
  absl::Status Publish(const WeightsId&,
                       std::shared_ptr<const PolicyWeights>) override {
    return absl::OkStatus();
  }
  void Withdraw() override { EXPECT_TRUE(open_.empty()); }
  void Enqueue(RolloutWork work) override {
    for (const uint32_t index : work.sample_indices) {
      open_.emplace_back(work.prompt.id(), index);
    }
    most_open = std::max(most_open, open_.size());
  }
  absl::StatusOr<Trajectory> Next(absl::Time) override {
    Trajectory trajectory;
    trajectory.set_prompt_id(open_.back().first);
    trajectory.set_sample_index(open_.back().second);
    open_.pop_back();
    return trajectory;
  }
  std::vector<WorkerStatus> Workers() const override { return {}; }
  void Quarantine(const std::string&, const std::string&) override {}

  size_t most_open = 0;

 private:
  std::deque<std::pair<uint64_t, uint32_t>> open_;
};

TEST(GenerateManySamplesTest, OnlySoManyWaitAtATime) {
  std::vector<Prompt> prompts(20000);
  for (size_t i = 0; i < prompts.size(); ++i) prompts[i].set_id(1000 + i);
  EvalOptions options;
  options.samples = 3;
  InstantSource source;
  const auto trajectories =
      GenerateSamples(WeightsId(), nullptr, prompts, options, &source, nullptr);
  ASSERT_TRUE(trajectories.ok()) << trajectories.status();
  EXPECT_LT(source.most_open, 20000u);
  ASSERT_EQ(trajectories->size(), 60000u);
  for (size_t i = 0; i < trajectories->size(); ++i) {
    ASSERT_EQ((*trajectories)[i].prompt_id(), 1000 + i / 3);
    ASSERT_EQ((*trajectories)[i].sample_index(), i % 3);
  }
}

}  // namespace
}  // namespace r1
