// The coordinator's decisions, call by call, with a clock that the test moves.
#include "rollout/coordinator.h"

#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rollout/coordinator_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST_F(CoordinatorTest, ALeaseSaysWhatToGenerate) {
  Enqueue(1, 2, 3);
  const uint64_t worker = Join("a");
  const std::vector<Lease> leases = Acquire(worker, 10);
  ASSERT_EQ(leases.size(), 1);
  const RolloutWork work = MakeWork(config_, 1, 3, 10);
  EXPECT_EQ(leases[0].prompt().SerializeAsString(),
            work.prompt.SerializeAsString());
  EXPECT_EQ(leases[0].sampling().SerializeAsString(),
            work.sampling.SerializeAsString());
  EXPECT_THAT(leases[0].sample_indices(), ::testing::ElementsAre(0, 1, 2));
  EXPECT_EQ(leases[0].weights().version(), 1);
  EXPECT_EQ(leases[0].weights().sha256(), "abc");
  EXPECT_EQ(leases[0].seed(), 99);
  EXPECT_TRUE(Acquire(worker, 10).empty());
}

TEST_F(CoordinatorTest, EverySampleComesOutOnce) {
  Enqueue(1, 4, 4);
  const uint64_t worker = Join("a");
  for (const Lease& lease : Acquire(worker, 100)) {
    const auto reply = SubmitAll(worker, lease);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->duplicates(), 0);
  }
  EXPECT_EQ(Drain(), 12);
  EXPECT_EQ(Next().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CoordinatorTest, ARepeatedSubmissionIsCountedNotTaken) {
  Enqueue(1, 2, 4);
  const uint64_t worker = Join("a");
  const Lease lease = Acquire(worker, 100)[0];
  ASSERT_TRUE(SubmitAll(worker, lease).ok());
  const auto again = SubmitAll(worker, lease);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->duplicates(), 4);
  EXPECT_EQ(coordinator_->stats().duplicates, 4);
  EXPECT_EQ(Drain(), 4);
}

TEST_F(CoordinatorTest, OneCallMayHoldTheSameSampleTwice) {
  Enqueue(1, 2, 2);
  const uint64_t worker = Join("a");
  const Lease lease = Acquire(worker, 100)[0];
  const auto reply = Submit(worker, lease.lease_id(), {Make(1, 0), Make(1, 0)});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->duplicates(), 1);
  EXPECT_EQ(Drain(), 1);
}

TEST_F(CoordinatorTest, ALeaseThatIsNotRenewedGoesToAnother) {
  Enqueue(1, 2, 4);
  const uint64_t a = Join("a");
  const Lease lease = Acquire(a, 100)[0];
  const uint64_t b = Join("b");
  now_ += absl::Seconds(20);
  EXPECT_TRUE(Renew(a, {lease.lease_id()}).empty());
  now_ += absl::Seconds(20);  // 20 s after the renewal: still a's
  EXPECT_TRUE(Renew(b, {}).empty());
  EXPECT_TRUE(Acquire(b, 100).empty());
  now_ += absl::Seconds(9);
  EXPECT_TRUE(Renew(a, {}).empty());  // alive, but without its lease
  EXPECT_TRUE(Acquire(b, 100).empty());
  now_ += absl::Seconds(1);
  // Two workers, four samples: two each, for a start.
  const std::vector<Lease> leases = Acquire(b, 100);
  ASSERT_EQ(leases.size(), 1);
  EXPECT_NE(leases[0].lease_id(), lease.lease_id());
  EXPECT_THAT(leases[0].sample_indices(), ::testing::ElementsAre(0, 1));
  EXPECT_EQ(coordinator_->stats().requeued_samples, 4);
  EXPECT_THAT(Renew(a, {lease.lease_id()}),
              ::testing::ElementsAre(lease.lease_id()));
}

TEST_F(CoordinatorTest, ALateResultCountsOnceWhoeverIsFirst) {
  Enqueue(1, 2, 2);
  const uint64_t a = Join("a"), b = Join("b");
  const Lease of_a = Acquire(a, 100)[0];
  ASSERT_EQ(of_a.sample_indices_size(), 1);
  ASSERT_EQ(Acquire(b, 100).size(), 1);
  now_ += absl::Seconds(29);
  Renew(a, {});
  Renew(b, {});
  now_ += absl::Seconds(1);
  const Lease of_b = Acquire(b, 100)[0];  // sample 0, lost by a
  ASSERT_THAT(of_b.sample_indices(), ::testing::ElementsAre(0));
  // a finishes first after all: taken, since its bits are the same.
  const auto late = Submit(a, of_a.lease_id(), {Make(1, 0)});
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->duplicates(), 0);
  EXPECT_EQ(Drain(), 1);
  EXPECT_THAT(Renew(b, {of_b.lease_id()}),
              ::testing::ElementsAre(of_b.lease_id()));
  const auto second = Submit(b, of_b.lease_id(), {Make(1, 0)});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->duplicates(), 1);
  EXPECT_EQ(Drain(), 0);
}

TEST_F(CoordinatorTest, ASilentWorkerIsForgottenAndItsSamplesGoOn) {
  Enqueue(1, 2, 4);
  const uint64_t a = Join("a");
  ASSERT_EQ(NumSamples(Acquire(a, 100)), 4);
  now_ += absl::Seconds(15);
  const uint64_t b = Join("b");
  now_ += absl::Seconds(15);
  EXPECT_EQ(NumSamples(Acquire(b, 100)), 4);
  EXPECT_EQ(TryAcquire(a, 1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(coordinator_->Workers().size(), 1);
}

TEST_F(CoordinatorTest, AWorkerWhoseConnectionBreaksIsGivenUpSoon) {
  Enqueue(1, 2, 4);
  const uint64_t a = Join("a");
  ASSERT_EQ(NumSamples(Acquire(a, 100)), 4);
  const uint64_t b = Join("b");
  const auto break_connection = [&] {
    AcquireRequest request;
    request.set_worker_id(a);
    request.set_wait_ms(10000);
    ASSERT_TRUE(coordinator_->Acquire(request, [] { return true; }).ok());
  };
  break_connection();
  now_ += absl::Milliseconds(999);
  EXPECT_TRUE(Renew(a, {}).empty());  // back in time
  now_ += absl::Seconds(10);
  EXPECT_TRUE(Acquire(b, 100).empty());
  break_connection();
  now_ += absl::Milliseconds(999);
  EXPECT_TRUE(Acquire(b, 100).empty());
  now_ += absl::Milliseconds(1);
  EXPECT_EQ(NumSamples(Acquire(b, 100)), 4);
  EXPECT_EQ(TryAcquire(a, 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorTest, LeavingGivesEverythingBack) {
  Enqueue(1, 3, 4);
  const uint64_t a = Join("a");
  const std::vector<Lease> leases = Acquire(a, 100);
  ASSERT_EQ(leases.size(), 2);
  ASSERT_TRUE(Submit(a, leases[0].lease_id(), {Make(1, 2)}).ok());
  LeaveRequest leave;
  leave.set_worker_id(a);
  EXPECT_TRUE(coordinator_->Leave(leave).ok());
  EXPECT_EQ(coordinator_->Leave(leave).code(), absl::StatusCode::kNotFound);
  const uint64_t b = Join("b");
  EXPECT_EQ(NumSamples(Acquire(b, 100)), 7);
}

TEST_F(CoordinatorTest, GroupsStayTogetherAndEveryWorkerGetsItsShare) {
  Enqueue(1, 9, 16);
  const uint64_t a = Join("a"), b = Join("b"), c = Join("c");
  // A third of 128 samples is 43: nearly three whole groups.
  const int expected[] = {48, 48, 32};
  int i = 0;
  for (uint64_t worker : {a, b, c}) {
    const std::vector<Lease> leases = Acquire(worker, 1000);
    for (const Lease& lease : leases) {
      EXPECT_EQ(lease.sample_indices_size(), 16);
    }
    EXPECT_EQ(NumSamples(leases), expected[i++]);
  }
}

TEST_F(CoordinatorTest, OneGroupIsSplitRatherThanStarveAWorker) {
  Enqueue(1, 2, 16);
  const uint64_t a = Join("a"), b = Join("b");
  EXPECT_EQ(NumSamples(Acquire(a, 1000)), 8);
  EXPECT_EQ(NumSamples(Acquire(b, 1000)), 8);
}

TEST_F(CoordinatorTest, TheRestIsSplitEvenly) {
  Enqueue(1, 5, 16);
  const uint64_t a = Join("a"), b = Join("b"), c = Join("c");
  for (uint64_t worker : {a, b, c}) {
    EXPECT_EQ(NumSamples(Acquire(worker, 1000)), 16);
  }
  // A third of 64 is 22: six more for each.
  EXPECT_EQ(NumSamples(Acquire(a, 1000)), 6);
  EXPECT_EQ(NumSamples(Acquire(b, 1000)), 6);
  EXPECT_EQ(NumSamples(Acquire(c, 1000)), 4);
}

TEST_F(CoordinatorTest, CapacityBoundsALeaseAndTheRestStaysWithTheWorker) {
  Enqueue(1, 3, 8);
  const uint64_t a = Join("a");
  std::vector<Lease> leases = Acquire(a, 5);
  ASSERT_EQ(leases.size(), 1);
  EXPECT_THAT(leases[0].sample_indices(),
              ::testing::ElementsAre(0, 1, 2, 3, 4));
  const uint64_t b = Join("b");
  leases = Acquire(b, 8);
  ASSERT_FALSE(leases.empty());
  leases = Acquire(a, 3);
  ASSERT_EQ(leases.size(), 1);
  EXPECT_EQ(leases[0].prompt().id(), 1);
}

TEST_F(CoordinatorTest, AWorkerWithItsShareGetsMoreOnceNobodyElseComes) {
  Enqueue(1, 2, 8);
  const uint64_t a = Join("a");
  Join("b");  // never asks
  EXPECT_EQ(NumSamples(Acquire(a, 100)), 4);
  EXPECT_EQ(NumSamples(Acquire(a, 100)), 0);
  now_ += absl::Milliseconds(900);
  EXPECT_EQ(NumSamples(Acquire(a, 100)), 0);
  now_ += absl::Milliseconds(100);
  EXPECT_EQ(NumSamples(Acquire(a, 100)), 4);
}

// Otherwise the first worker to ask would get a part of the first group.
TEST_F(CoordinatorTest, WorkIsHandedOutOnceTheLearnerHasEnqueuedAll) {
  CoordinatorOptions options = options_;
  options.settle = absl::Milliseconds(2);
  coordinator_ = std::make_unique<Coordinator>(options);
  Publish(1);
  const uint64_t a = Join("a");
  Enqueue(1, 2, 8);
  EXPECT_TRUE(Acquire(a, 100).empty());
  now_ += absl::Milliseconds(1);
  Enqueue(2, 3, 8);
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(Acquire(a, 100).empty());
  now_ += absl::Milliseconds(1);
  EXPECT_EQ(NumSamples(Acquire(a, 100)), 16);
  // A learner that never pauses cannot hold everything up.
  int waited_ms = 0;
  for (uint64_t prompt = 3; Acquire(a, 100).empty(); ++prompt) {
    Enqueue(prompt, prompt + 1, 8);
    now_ += absl::Milliseconds(1);
    ++waited_ms;
  }
  EXPECT_EQ(waited_ms, 20);
}

TEST_F(CoordinatorTest, AWorkerOfAnotherBuildOrMachineIsRefused) {
  JoinRequest request = Request("a");
  request.set_build_id("build-b");
  absl::Status status = coordinator_->Join(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("build-b"));
  EXPECT_THAT(status.ToString(), HasSubstr("build-a"));
  request = Request("a");
  request.set_device("AVX2");
  status = coordinator_->Join(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("AVX2"));
  EXPECT_THAT(status.ToString(), HasSubstr("AVX3"));
  EXPECT_TRUE(coordinator_->Workers().empty());
}

TEST_F(CoordinatorTest, SamplesNobodyAskedForAreRefused) {
  Enqueue(1, 3, 2);
  const uint64_t a = Join("a"), b = Join("b");
  const Lease of_a = Acquire(a, 2)[0], of_b = Acquire(b, 2)[0];
  const auto code = [&](uint64_t worker, uint64_t lease, Trajectory t) {
    return Submit(worker, lease, {std::move(t)}).status().code();
  };
  const uint64_t prompt_a = of_a.prompt().id(), prompt_b = of_b.prompt().id();
  ASSERT_NE(prompt_a, prompt_b);
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  // No such prompt, no such sample, a lease never issued.
  EXPECT_EQ(code(a, of_a.lease_id(), Make(77, 0)), kInvalid);
  const Lease again = Acquire(a, 2)[0];
  EXPECT_EQ(code(a, again.lease_id(), Make(again.prompt().id(), 9)), kInvalid);
  EXPECT_EQ(code(a, of_a.lease_id() + 1000, Make(prompt_a, 0)), kInvalid);
  EXPECT_EQ(code(a, 0, Make(prompt_a, 0)), kInvalid);
  // A sample of another's lease under one's own.
  const Lease third = Acquire(a, 2)[0];
  EXPECT_EQ(code(a, third.lease_id(), Make(prompt_b, 0)), kInvalid);
  EXPECT_EQ(code(12345, of_a.lease_id(), Make(prompt_a, 0)),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Drain(), 0);
  EXPECT_EQ(coordinator_->stats().refused, 5);
}

TEST_F(CoordinatorTest, AMalformedTrajectoryIsTheFaultOfItsWorker) {
  const auto refuse = [&](const std::string& expected, auto change) {
    SCOPED_TRACE(expected);
    Restart();
    Enqueue(1, 2, 2);
    const uint64_t a = Join("a");
    const Lease lease = Acquire(a, 2)[0];
    Trajectory bad = Make(1, 1);
    change(&bad);
    ASSERT_TRUE(Submit(a, lease.lease_id(), {Make(1, 0), bad}).ok());
    EXPECT_EQ(Drain(), 1);
    EXPECT_EQ(coordinator_->stats().refused, 1);
    ASSERT_EQ(events_.size(), 1u);
    EXPECT_THAT(events_[0], HasSubstr("worker: worker a failed on sample 1/1"));
    EXPECT_THAT(events_[0], HasSubstr(expected));
    ASSERT_TRUE(SubmitAll(a, Acquire(a, 2)[0]).ok());
    EXPECT_EQ(Drain(), 1);
  };
  refuse("no tokens", [](Trajectory* t) {
    t->clear_tokens();
    t->clear_logprobs();
  });
  refuse("3 tokens but 2 log-probs",
         [](Trajectory* t) { t->mutable_logprobs()->RemoveLast(); });
  refuse("id 301", [](Trajectory* t) { t->set_tokens(1, 301); });
  refuse("id -1", [](Trajectory* t) { t->set_tokens(1, -1); });
  refuse("log-prob nan", [](Trajectory* t) { t->set_logprobs(2, NAN); });
  refuse("log-prob -inf", [](Trajectory* t) { t->set_logprobs(0, -INFINITY); });
  refuse("log-prob 0.5", [](Trajectory* t) { t->set_logprobs(0, 0.5f); });
  refuse("version 2", [](Trajectory* t) { t->set_policy_version(2); });
  refuse("FINISH_UNSPECIFIED",
         [](Trajectory* t) { t->set_finish_reason(FINISH_UNSPECIFIED); });
  refuse("FINISH_LENGTH",
         [](Trajectory* t) { t->set_finish_reason(FINISH_LENGTH); });
  refuse("FINISH_STOP_STRING",
         [](Trajectory* t) { t->set_finish_reason(FINISH_STOP_STRING); });
  refuse("FINISH_END_TOKEN", [](Trajectory* t) { t->set_tokens(2, 9); });
  refuse("at most 10", [](Trajectory* t) {
    for (int i = 0; i < 8; ++i) {
      t->add_tokens(0);
      t->add_logprobs(-1);
    }
  });
}

TEST_F(CoordinatorTest, ResultsOfAnEarlierVersionAreDroppedWithoutHarm) {
  Enqueue(1, 2, 2);
  const uint64_t a = Join("a");
  const Lease old = Acquire(a, 2)[0];
  ASSERT_TRUE(SubmitAll(a, old).ok());
  EXPECT_EQ(Drain(), 2);
  coordinator_->Withdraw();
  EXPECT_EQ(SubmitAll(a, old)->duplicates(), 2);
  Publish(2);
  EXPECT_EQ(SubmitAll(a, old)->duplicates(), 2);
  // The same samples again, of the new version: the old ones do not count.
  Enqueue(1, 2, 2);
  EXPECT_EQ(SubmitAll(a, old)->duplicates(), 2);
  EXPECT_EQ(Drain(), 0);
  const Lease lease = Acquire(a, 2)[0];
  EXPECT_EQ(lease.weights().version(), 2);
  ASSERT_TRUE(Submit(a, lease.lease_id(), {Make(1, 0, 2), Make(1, 1, 2)}).ok());
  EXPECT_EQ(Drain(), 2);
}

// An evaluation and the step after it have the same weights.
TEST_F(CoordinatorTest, ResultsOfEarlierWorkOfTheSameVersionAreDropped) {
  Enqueue(1, 2, 2);
  const uint64_t slow = Join("slow");
  const Lease old = Acquire(slow, 2)[0];
  now_ += absl::Seconds(20);
  ASSERT_TRUE(coordinator_->Heard(slow).ok());
  now_ += absl::Seconds(11);  // its lease has ended
  const uint64_t fast = Join("fast");
  const auto finish = [&](int samples) {
    for (int done = 0; done < samples; done += Drain()) {
      for (const Lease& lease : Acquire(fast, 2)) {
        ASSERT_TRUE(SubmitAll(fast, lease).ok());
      }
    }
  };
  finish(2);
  // Other samples, then the same ones again.
  for (const uint64_t prompt : {2, 1}) {
    coordinator_->Withdraw();
    Publish(1);
    Enqueue(prompt, prompt + 1, 2);
    ASSERT_TRUE(coordinator_->Heard(slow).ok());
    EXPECT_EQ(SubmitAll(slow, old)->duplicates(), 2);
    EXPECT_EQ(Drain(), 0);
    finish(2);
  }
}

TEST_F(CoordinatorTest, WeightsCannotChangeWhileWorkIsOutstanding) {
  Enqueue(1, 2, 1);
  WeightsId id;
  id.set_version(2);
  EXPECT_EQ(coordinator_->Publish(id, nullptr).code(),
            absl::StatusCode::kFailedPrecondition);
}

// A sample may be wanted again with the very same weights.
TEST_F(CoordinatorTest, ALateResultOfWeightsPublishedAgainIsDropped) {
  Enqueue(1, 2, 2);
  const uint64_t a = Join("a");
  const Lease old = Acquire(a, 2)[0];
  ASSERT_TRUE(SubmitAll(a, old).ok());
  EXPECT_EQ(Drain(), 2);
  coordinator_->Withdraw();
  Publish(1);
  EXPECT_EQ(SubmitAll(a, old)->duplicates(), 2);
  Enqueue(1, 2, 1);
  EXPECT_EQ(SubmitAll(a, old)->duplicates(), 2);
  EXPECT_EQ(Drain(), 0);
  ASSERT_TRUE(SubmitAll(a, Acquire(a, 1)[0]).ok());
  EXPECT_EQ(Drain(), 1);
}

TEST_F(CoordinatorTest, TheWaitNamesWhatIsAwaitedFromWhom) {
  Enqueue(5, 7, 2);
  const uint64_t a = Join("node7/12");
  ASSERT_EQ(NumSamples(Acquire(a, 1)), 1);
  now_ += absl::Seconds(3);
  const absl::Status status = Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.ToString(), HasSubstr("4 samples"));
  EXPECT_THAT(status.ToString(),
              HasSubstr("1 from worker node7/12 (last heard 3s ago), "
                        "prompt/sample 5/0"));
  EXPECT_THAT(status.ToString(), HasSubstr("3 from a worker to take them"));
}

TEST_F(CoordinatorTest, TheEndOfTheRunIsToldToWhoeverAsks) {
  const uint64_t a = Join("a");
  coordinator_->FinishRun(absl::ZeroDuration());
  EXPECT_TRUE(TryAcquire(a, 1)->run_finished());
}

TEST_F(CoordinatorTest, WorkersReportTheirProgress) {
  Enqueue(1, 2, 3);
  const uint64_t a = Join("a");
  const Lease lease = Acquire(a, 3)[0];
  ASSERT_TRUE(Submit(a, lease.lease_id(), {Make(1, 0)}).ok());
  RenewRequest renew;
  renew.set_worker_id(a);
  renew.set_tokens_generated(123);
  ASSERT_TRUE(coordinator_->Renew(renew).ok());
  now_ += absl::Seconds(2);
  const std::vector<WorkerStatus> workers = coordinator_->Workers();
  ASSERT_EQ(workers.size(), 1);
  EXPECT_EQ(workers[0].name, "a");
  EXPECT_EQ(workers[0].samples_in_flight, 2);
  EXPECT_EQ(workers[0].samples_finished, 1);
  EXPECT_EQ(workers[0].tokens_generated, 123);
  EXPECT_EQ(workers[0].since_last_heard, absl::Seconds(2));
}

}  // namespace
}  // namespace r1
