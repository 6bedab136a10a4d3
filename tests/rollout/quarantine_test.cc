// Samples that cannot be generated, and workers that are put out of service.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rollout/coordinator_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST_F(CoordinatorTest, ASampleThatTwoWorkersCannotGenerateEndsTheRun) {
  Enqueue(1, 2, 2);
  const uint64_t a = Join("a"), b = Join("b");
  const Lease of_a = Acquire(a, 1)[0];
  ASSERT_TRUE(Fail(a, of_a, {of_a.sample_indices(0)}).ok());
  // The same call again, as after a lost answer, tells nothing new.
  ASSERT_TRUE(Fail(a, of_a, {of_a.sample_indices(0)}).ok());
  EXPECT_EQ(Next().status().code(), absl::StatusCode::kDeadlineExceeded);
  for (const Lease& lease : Acquire(b, 2)) {
    if (lease.sample_indices(0) == of_a.sample_indices(0)) {
      ASSERT_TRUE(Fail(b, lease, {of_a.sample_indices(0)}).ok());
    }
  }
  const absl::Status status = Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.ToString(), HasSubstr("workers a and b both failed: "));
  EXPECT_THAT(status.ToString(), HasSubstr("log-prob is nan"));
}

TEST_F(CoordinatorTest, TheOnlyWorkerTriesOnceMore) {
  Enqueue(1, 2, 2);
  const uint64_t a = Join("a");
  ASSERT_TRUE(Fail(a, Acquire(a, 2)[0], {0, 1}).ok());
  const std::vector<Lease> again = Acquire(a, 2);
  EXPECT_EQ(NumSamples(again), 2);
  const Lease& zero = again[again[0].sample_indices(0) == 0 ? 0 : 1];
  const Lease& one = again[again[0].sample_indices(0) == 0 ? 1 : 0];
  ASSERT_TRUE(SubmitAll(a, zero).ok());
  EXPECT_EQ(Drain(), 1);
  EXPECT_THAT(events_.back(), HasSubstr("and did not when it tried again"));
  EXPECT_FALSE(coordinator_->IsQuarantined("a"));
  ASSERT_TRUE(Fail(a, one, {1}).ok());
  const absl::Status status = Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.ToString(),
              HasSubstr("worker a, and there is no other, failed twice"));
}

TEST_F(CoordinatorTest, AWorkerThatIsDisprovedIsPutOutOfService) {
  Enqueue(1, 3, 2);
  const uint64_t a = Join("a"), b = Join("b");
  const Lease of_a = Acquire(a, 2)[0];
  const uint64_t prompt = of_a.prompt().id();
  ASSERT_TRUE(Fail(a, of_a, {1}).ok());
  // What it failed on is for the other, and all else still for both.
  now_ += absl::Seconds(2);
  for (const Lease& lease : Acquire(a, 9)) {
    EXPECT_NE(lease.prompt().id(), prompt) << "its own, while b could";
  }
  Lease doubtful;
  for (const Lease& lease : Acquire(b, 9)) {
    if (lease.prompt().id() == prompt) doubtful = lease;
  }
  ASSERT_EQ(doubtful.sample_indices_size(), 1);
  EXPECT_EQ(doubtful.sample_indices(0), 1u);
  ASSERT_TRUE(SubmitAll(b, doubtful).ok());
  EXPECT_TRUE(coordinator_->IsQuarantined("a"));
  EXPECT_THAT(events_.back(),
              HasSubstr("worker-quarantined: worker a is out of service"));
  EXPECT_THAT(events_.back(), HasSubstr("which worker b generated"));
  EXPECT_EQ(Next()->worker(), "b");
  // It is gone, its other sample is b's, and it may not come back.
  EXPECT_EQ(TryAcquire(a, 1).status().code(), absl::StatusCode::kNotFound);
  const auto refused = coordinator_->Join(Request("a"));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(refused.status().ToString(), HasSubstr("check its machine"));
  now_ += absl::Seconds(2);
  int rest = 0;
  for (const Lease& lease : Acquire(b, 9)) {
    rest += lease.sample_indices_size();
    ASSERT_TRUE(SubmitAll(b, lease).ok());
  }
  EXPECT_GE(rest, 1);
}

TEST_F(CoordinatorTest, WorkIsKeptFromWorkersItAvoids) {
  RolloutWork work = MakeWork(config_, 1, 2, 10);
  work.avoid = {"a"};
  coordinator_->Enqueue(work);
  const uint64_t a = Join("a");
  const uint64_t b = Join("b");
  EXPECT_EQ(NumSamples(Acquire(a, 9)), 0);
  LeaveRequest leave;
  leave.set_worker_id(b);
  ASSERT_TRUE(coordinator_->Leave(leave).ok());
  EXPECT_EQ(NumSamples(Acquire(a, 9)), 2) << "there is no other";
}

TEST_F(CoordinatorTest, AQuarantinedWorkerLosesItsSamples) {
  Enqueue(1, 2, 2);
  const uint64_t a = Join("a");
  ASSERT_EQ(NumSamples(Acquire(a, 2)), 2);
  coordinator_->Quarantine("a", "its bits are wrong");
  EXPECT_EQ(coordinator_->Join(Request("a")).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Next().status().ToString(), HasSubstr("1 are out of service"));
  EXPECT_EQ(NumSamples(Acquire(Join("b"), 2)), 2);
}

}  // namespace
}  // namespace r1
