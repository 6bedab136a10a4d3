// Coordinator, service and workers together: over the in-process channel and
// over TCP, with workers that come, go, fall silent and lie.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rollout/coordinator.h"
#include "rollout/coordinator_service.h"
#include "rollout/embedded_worker.h"
#include "rollout/worker.h"
#include "tests/base/reserved_port.h"
#include "tests/model/host_params.h"
#include "tests/rollout/service_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

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
    // Until each has had a part in it.
    for (uint64_t version = 1; version == 1 || !AllHaveWorked(); ++version) {
      ASSERT_EQ(RunVersion(version), Expected(version))
          << num_workers << " workers";
    }
    coordinator_->FinishRun(kPatience);
    for (auto& worker : workers) EXPECT_TRUE(worker->Wait().ok());
  }
}

// What a worker elsewhere holds in bf16 is what the learner holds.
TEST_F(ServiceTest, WeightsInBf16ArriveAsTheyAre) {
  const Samples exact = Expected(1);
  config_.weights_dtype = DType::kBF16;
  weights_ = TinyWeights(config_, 3, ops_.get());
  StartLearner(Options());
  const std::unique_ptr<RemoteWorker> worker = StartWorker("w");
  const Samples samples = RunVersion(1);
  EXPECT_EQ(samples, Expected(1));
  EXPECT_NE(samples, exact);
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker->Wait().ok());
}

TEST_F(ServiceTest, EveryVersionIsGeneratedWithItsOwnWeights) {
  StartLearner(Options());
  EmbeddedWorker embedded(coordinator_.get(), server_.get(), WorkerNamed("e"));
  const std::unique_ptr<RemoteWorker> remote = StartWorker("r");
  ASSERT_TRUE(coordinator_->WaitForWorkers(2, absl::Now() + kPatience).ok());
  for (uint64_t version = 1; version <= 4 || !AllHaveWorked(); ++version) {
    for (float& x : Elements(params_, 0)) x *= 1.01f;
    weights_ = std::make_shared<PolicyWeights>(config_, CpuDevice());
    weights_->Assign(params_, ops_.get());
    ASSERT_EQ(RunVersion(version), Expected(version)) << version;
  }
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(remote->Wait().ok());
}

TEST_F(ServiceTest, AWorkerMayJoinInTheMiddleAndAnotherLeave) {
  for (RolloutWork& work : works_)
    work = MakeWork(config_, work.prompt.id(), 8, 120);
  StartLearner(Options());
  std::unique_ptr<RemoteWorker> first = StartWorker("first");
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
  Samples samples;
  Collect(&samples, 5);
  const std::unique_ptr<RemoteWorker> second = StartWorker("second");
  Collect(&samples, 5);
  first->Stop();
  EXPECT_EQ(first->Wait().code(), absl::StatusCode::kCancelled);
  Collect(&samples, 38);
  EXPECT_EQ(samples, Expected(1));
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(second->Wait().ok());
}

// A worker killed in the middle: it holds leases and is never heard again.
TEST_F(ServiceTest, TheSamplesOfAKilledWorkerGoToAnother) {
  StartLearner(Options());
  CoordinatorClient killed(MakeCoordinatorChannel(server_->address()));
  const auto joined = killed.Join(JoinRequestOf("killed"));
  ASSERT_TRUE(joined.ok()) << joined.status();
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
  AcquireRequest acquire;
  acquire.set_worker_id(joined->worker_id());
  acquire.set_max_samples(20);
  acquire.set_wait_ms(10000);
  const auto leases = killed.Acquire(acquire);
  ASSERT_TRUE(leases.ok()) << leases.status();
  ASSERT_GT(leases->leases_size(), 0);
  AdvanceClock(kLeaseTtl);
  const std::unique_ptr<RemoteWorker> worker = StartWorker("alive");
  Samples samples;
  Collect(&samples, 48);
  EXPECT_EQ(samples, Expected(1));
  EXPECT_GE(coordinator_->stats().requeued_samples, 20);
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker->Wait().ok());
}

// Its connection breaks with it, which is noticed long before the lease ends.
TEST_F(ServiceTest, AKilledWorkerIsNoticedByItsBrokenConnection) {
  CoordinatorOptions options = Options();
  options.return_grace = options.settle = absl::ZeroDuration();
  // Stands still, so that the call below waits until it is cancelled.
  options.now = [this] {
    return absl::UnixEpoch() + absl::Milliseconds(clock_offset_ms_.load());
  };
  StartLearner(options);
  CoordinatorClient killed(MakeCoordinatorChannel(server_->address()));
  const auto joined = killed.Join(JoinRequestOf("killed"));
  ASSERT_TRUE(joined.ok()) << joined.status();
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
  AcquireRequest acquire;
  acquire.set_worker_id(joined->worker_id());
  acquire.set_max_samples(20);
  acquire.set_wait_ms(10000);
  ASSERT_GT(killed.Acquire(acquire)->leases_size(), 0);
  // A call that waits; it has come once the worker is heard again.
  AdvanceClock(kLeaseTtl / 4);
  std::jthread presence([&] {
    acquire.set_max_samples(0);
    acquire.set_wait_ms(absl::ToInt64Milliseconds(kPatience));
    EXPECT_EQ(killed.Acquire(acquire).status().code(),
              absl::StatusCode::kCancelled);
  });
  while (StatusOf("killed").since_last_heard >= kLeaseTtl / 4) {
    std::this_thread::yield();
  }
  const std::unique_ptr<RemoteWorker> worker = StartWorker("alive");
  Samples samples;
  Collect(&samples, 20);
  killed.Cancel();
  Collect(&samples, 28);
  EXPECT_EQ(samples, Expected(1));
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker->Wait().ok());
}

// Two hold the same sample; when the other one is faster, the learner gets its
// weights back at once, without waiting for the slower worker to finish.
TEST_F(ServiceTest, TheLearnerDoesNotWaitForSamplesItHasAlready) {
  // Long enough that the slow worker is still at it.
  config_.max_positions = 3000;
  config_.eos_token_ids.clear();
  works_ = {MakeWork(config_, 1, 8, 1500)};
  const Samples expected = Expected(1);
  StartLearner(Options(), "");
  AcquireRequest acquire;
  acquire.set_worker_id(
      coordinator_->Join(JoinRequestOf("lapsed"))->worker_id());
  acquire.set_max_samples(8);
  acquire.set_wait_ms(10000);
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  coordinator_->Enqueue(works_[0]);
  const auto leases = coordinator_->Acquire(acquire, [] { return false; });
  ASSERT_EQ(leases->leases_size(), 1);
  // The lease lapses, but the worker stays known.
  AdvanceClock(kLeaseTtl / 2);
  ASSERT_TRUE(coordinator_->Heard(acquire.worker_id()).ok());
  AdvanceClock(kLeaseTtl / 2);
  EmbeddedWorker slow(coordinator_.get(), server_.get(), WorkerNamed("slow"));
  while (coordinator_->stats().requeued_samples == 0 ||
         coordinator_->Workers().back().samples_in_flight == 0) {
    std::this_thread::yield();
  }
  SubmitRequest submit;
  submit.set_worker_id(acquire.worker_id());
  submit.set_lease_id(leases->leases(0).lease_id());
  for (const auto& [key, bytes] : expected) {
    ASSERT_TRUE(submit.add_trajectories()->ParseFromString(bytes));
  }
  ASSERT_TRUE(coordinator_->Submit(submit).ok());
  Samples samples;
  Collect(&samples, 8);
  EXPECT_EQ(samples, expected);
  coordinator_->Withdraw();
  LeaveRequest leave;
  leave.set_worker_id(acquire.worker_id());
  ASSERT_TRUE(coordinator_->Leave(leave).ok());
  coordinator_->FinishRun(kPatience);
  // "slow" was stopped; otherwise its eight samples had come as well.
  EXPECT_EQ(coordinator_->stats().duplicates, 0);
}

TEST_F(ServiceTest, ARestartedLearnerOnTheSamePortFindsItsWorkersAgain) {
  const ReservedPort port;
  StartLearner(Options(), port.address());
  const std::unique_ptr<RemoteWorker> worker = StartWorker("w");
  Samples samples;
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
  Collect(&samples, 3);
  server_ = nullptr;  // in the middle of the step
  coordinator_ = nullptr;
  StartLearner(Options(), port.address());
  EXPECT_EQ(RunVersion(1), Expected(1));
  EXPECT_EQ(coordinator_->stats().refused, 0);
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker->Wait().ok());
}

// At another address, which is asked for at every attempt.
TEST_F(ServiceTest, AWorkerFollowsALearnerThatMoves) {
  absl::Mutex mutex;
  std::string address;  // empty: nobody knows yet
  bool is_over = false;
  const FindCoordinator find =
      [&]() -> absl::StatusOr<std::shared_ptr<grpc::Channel>> {
    absl::MutexLock lock(&mutex);
    if (is_over) return nullptr;
    if (address.empty()) return absl::UnavailableError("no address");
    return MakeCoordinatorChannel(address);
  };
  const auto move_to = [&](const std::string& next) {
    absl::MutexLock lock(&mutex);
    address = next;
  };
  absl::Status status;
  std::thread worker(
      [&] { status = Worker(find, WorkerNamed("w")).Run(std::stop_token()); });
  // Without a learner a worker keeps to its leases for as long as they last.
  CoordinatorOptions options = Options();
  options.lease_ttl = absl::Seconds(1);
  StartLearner(options);
  move_to(server_->address());
  EXPECT_EQ(RunVersion(1), Expected(1));
  // The next one takes another port while the first still holds its own.
  const std::unique_ptr<Coordinator> first_coordinator =
      std::move(coordinator_);
  std::unique_ptr<CoordinatorServer> first_server = std::move(server_);
  StartLearner(options);
  move_to(server_->address());
  first_server = nullptr;
  EXPECT_EQ(RunVersion(1), Expected(1));
  // Gone for good, but somebody knows that the run is over.
  {
    absl::MutexLock lock(&mutex);
    is_over = true;
  }
  server_ = nullptr;
  worker.join();
  EXPECT_TRUE(status.ok()) << status;
}

// Weights that are handed out once a test has prepared for it.
class HeldBackWeights : public WeightSource {
 public:
  explicit HeldBackWeights(std::shared_ptr<const PolicyWeights> weights)
      : weights_(std::move(weights)) {}
  absl::StatusOr<std::shared_ptr<const PolicyWeights>> Get(
      const WeightsId&) override {
    if (++calls_ == 1) asked_.Notify();
    released_.WaitForNotification();
    std::shared_ptr<const PolicyWeights> borrowed = weights_;
    if (calls_ == 1) borrowed_.Notify();
    return borrowed;
  }
  bool IsCurrent(const WeightsId&) const override { return true; }

  void WaitUntilAsked() { asked_.WaitForNotification(); }
  void Release() { released_.Notify(); }
  // The engine lets go of the weights with its last sample.
  void WaitUntilIdle() const {
    borrowed_.WaitForNotification();
    while (weights_.use_count() > 1) absl::SleepFor(absl::Milliseconds(1));
  }
  int calls() const { return calls_; }

 private:
  std::shared_ptr<const PolicyWeights> weights_;
  absl::Notification asked_, released_, borrowed_;
  std::atomic<int> calls_ = 0;
};

// What a worker finished while the learner was away is not made again.
TEST_F(ServiceTest, ARestartedLearnerGetsWhatWasFinishedInTheMeantime) {
  CoordinatorOptions options = Options();
  options.max_batch = 64;  // so that the worker has all leases at once
  StartLearner(options);
  const std::string address = server_->address();
  HeldBackWeights source(TinyWeights(config_, 3, ops_.get()));
  WorkerOptions worker_options = WorkerNamed("w");
  worker_options.shared_weights = &source;
  RemoteWorker worker(address, worker_options);
  ASSERT_TRUE(coordinator_->WaitForWorkers(1, absl::Now() + kPatience).ok());
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
  source.WaitUntilAsked();
  while (coordinator_->Workers()[0].samples_in_flight < 48) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  server_ = nullptr;
  coordinator_ = nullptr;
  source.Release();
  source.WaitUntilIdle();
  StartLearner(options, address);
  EXPECT_EQ(RunVersion(1), Expected(1));
  EXPECT_EQ(source.calls(), 1) << "nothing was generated again";
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker.Wait().ok());
}

TEST_F(ServiceTest, AWorkerGivesUpOnACoordinatorThatStaysAway) {
  StartLearner(Options());
  const std::string address = server_->address();
  WorkerOptions options = WorkerNamed("w");
  options.reconnect = absl::Milliseconds(300);
  RemoteWorker worker(address, options);
  ASSERT_TRUE(coordinator_->WaitForWorkers(1, absl::Now() + kPatience).ok());
  server_ = nullptr;
  const absl::Status status = worker.Wait();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("no coordinator answered"));
}

TEST_F(ServiceTest, AWorkerWaitsForALearnerThatStartsLater) {
  const ReservedPort port;
  std::atomic<bool> has_waited = false;
  SetLogSink([&](const std::string& line) {
    if (absl::StrContains(line, "waits for the coordinator")) has_waited = true;
  });
  RemoteWorker worker(port.address(), WorkerNamed("early"));
  while (!has_waited) std::this_thread::yield();
  SetLogSink(nullptr);
  StartLearner(Options(), port.address());
  EXPECT_TRUE(coordinator_->WaitForWorkers(1, absl::Now() + kPatience).ok());
  coordinator_->FinishRun(kPatience);
  EXPECT_TRUE(worker.Wait().ok());
}

TEST_F(ServiceTest, AStoppedWorkerStopsWhereverItWaits) {
  RemoteWorker unconnected("127.0.0.1:1", WorkerNamed("w"));
  unconnected.Stop();
  EXPECT_EQ(unconnected.Wait().code(), absl::StatusCode::kCancelled);
  // The coordinator's clock stands still, so that no call that waits comes to
  // its end; such a call may be stopped or fail, which the worker logs.
  CoordinatorOptions options = Options();
  options.settle = absl::ZeroDuration();
  options.now = [time = absl::Now()] { return time; };
  std::atomic<int> num_failures = 0;
  SetLogSink([&](const std::string& line) {
    if (absl::StrContains(line, "cannot ")) ++num_failures;
  });
  StartLearner(options);
  const std::unique_ptr<RemoteWorker> idle = StartWorker("idle");
  EXPECT_EQ(RunVersion(1), Expected(1));  // it has joined, and waits for more
  idle->Stop();
  EXPECT_EQ(idle->Wait().code(), absl::StatusCode::kCancelled);
  SetLogSink(nullptr);
  EXPECT_EQ(num_failures, 0);
  while (!coordinator_->Workers().empty()) std::this_thread::yield();
}

// Counts renewals, and keeps workers busy: their weights come once it says so.
// A worker's wait before a renewal ends when the test says so: moved on while
// no call waits, the clock would end none.
class SlowService : public CoordinatorService {
 public:
  using CoordinatorService::CoordinatorService;
  grpc::Status Acquire(grpc::ServerContext* context,
                       const AcquireRequest* request,
                       AcquireReply* reply) override {
    if (request->max_samples() > 0) {
      return CoordinatorService::Acquire(context, request, reply);
    }
    EXPECT_EQ(request->wait_ms(), absl::ToInt64Milliseconds(kLeaseTtl / 3));
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* waits) { return *waits > 0; }, &waits_to_end_));
    --waits_to_end_;
    return grpc::Status::OK;
  }
  grpc::Status FetchWeights(grpc::ServerContext* context,
                            const WeightsRequest* request,
                            grpc::ServerWriter<WeightsChunk>* writer) override {
    may_send_.WaitForNotification();
    return CoordinatorService::FetchWeights(context, request, writer);
  }
  grpc::Status Renew(grpc::ServerContext* context, const RenewRequest* request,
                     RenewReply* reply) override {
    const grpc::Status status =
        CoordinatorService::Renew(context, request, reply);
    ++renewals_;
    return status;
  }
  void EndWait() {
    absl::MutexLock lock(&mutex_);
    ++waits_to_end_;
  }
  void Send() { may_send_.Notify(); }
  int renewals() const { return renewals_; }

 private:
  absl::Mutex mutex_;
  int waits_to_end_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Notification may_send_;
  std::atomic<int> renewals_ = 0;
};

// Leases last for as long as their worker renews them, each time after a third
// of their time.
TEST_F(ServiceTest, ABusyWorkerKeepsItsLeases) {
  coordinator_ = std::make_unique<Coordinator>(Options());
  SlowService service(coordinator_.get());
  InProcessWorker worker(&service, WorkerNamed("busy"));
  ASSERT_TRUE(coordinator_->Publish(Id(1), weights_).ok());
  for (const RolloutWork& work : works_) coordinator_->Enqueue(work);
  while (StatusOf("busy").samples_in_flight == 0) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) {
    const int renewals = service.renewals();
    AdvanceClock(0.4 * kLeaseTtl);
    service.EndWait();
    while (service.renewals() == renewals) std::this_thread::yield();
  }
  service.Send();
  Samples samples;
  Collect(&samples, 6 * 8);
  EXPECT_EQ(samples, Expected(1));
  EXPECT_EQ(coordinator_->stats().requeued_samples, 0);
  coordinator_->FinishRun(kPatience);
  service.EndWait();  // the last one's server side
  worker.Wait();
}

TEST_F(ServiceTest, TheServerAnswersHealthChecks) {
  StartLearner(Options());
  const std::shared_ptr<grpc::Channel> channel =
      MakeCoordinatorChannel(server_->address());
  // grpc.health.v1.Health/Check with an empty request; the reply's only field
  // is status = 1, SERVING.
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice no_bytes("", 0);
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                            grpc::ByteBuffer(&no_bytes, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer reply;
  grpc::Status status;
  call->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool is_ok = false;
  ASSERT_TRUE(queue.Next(&tag, &is_ok));
  ASSERT_TRUE(status.ok()) << status.error_message();
  grpc::Slice slice;
  ASSERT_TRUE(reply.DumpToSingleSlice(&slice).ok());
  EXPECT_EQ(std::string(slice.begin(), slice.end()), std::string("\x08\x01"));
}

}  // namespace
}  // namespace r1
