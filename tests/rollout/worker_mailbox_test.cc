#include "rollout/worker_mailbox.h"

#include <algorithm>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AcquireReply Leases(std::vector<uint64_t> ids, int samples_each) {
  AcquireReply reply;
  for (uint64_t id : ids) {
    Lease* lease = reply.add_leases();
    lease->set_lease_id(id);
    for (int i = 0; i < samples_each; ++i) lease->add_sample_indices(i);
  }
  return reply;
}

Trajectory Sample(uint32_t index) {
  Trajectory trajectory;
  trajectory.set_sample_index(index);
  return trajectory;
}

TEST(WorkerMailboxTest, AsksForHalfABatchMoreThanTheEngineRuns) {
  WorkerMailbox mailbox(8);
  EXPECT_EQ(mailbox.WaitForRoom(), 12);
  mailbox.AddLeases(Leases({1, 2}, 5));
  EXPECT_EQ(mailbox.WaitForRoom(), 2);
}

TEST(WorkerMailboxTest, ASingleSequenceStillHasTheNextOneReady) {
  WorkerMailbox mailbox(1);
  EXPECT_EQ(mailbox.WaitForRoom(), 2);
  mailbox.AddLeases(Leases({1}, 1));
  EXPECT_EQ(mailbox.WaitForRoom(), 1);
}

TEST(WorkerMailboxTest, AskingWaitsUntilSamplesFinish) {
  WorkerMailbox mailbox(8);
  mailbox.AddLeases(Leases({1}, 12));
  std::thread engine([&] {
    for (int i = 0; i < 3; ++i) mailbox.Post(1, Sample(i));
  });
  const int room = mailbox.WaitForRoom();
  EXPECT_GE(room, 2);
  EXPECT_LE(room, 3);
  engine.join();
}

TEST(WorkerMailboxTest, ResultsGoOutByLease) {
  WorkerMailbox mailbox(8);
  mailbox.AddLeases(Leases({1, 2}, 2));
  mailbox.Post(2, Sample(0));
  mailbox.Post(1, Sample(0));
  mailbox.Post(2, Sample(1));
  EXPECT_THAT(mailbox.HeldLeases(), ElementsAre(1));
  const std::vector<SubmitRequest> results = mailbox.TakeResults();
  ASSERT_EQ(results.size(), 2);
  EXPECT_EQ(results[0].lease_id(), 2);
  EXPECT_EQ(results[0].trajectories_size(), 2);
  EXPECT_EQ(results[1].lease_id(), 1);
  EXPECT_EQ(results[1].trajectories_size(), 1);
}

TEST(WorkerMailboxTest, ALostLeaseIsToldToTheEngineAndItsResultsAreDropped) {
  WorkerMailbox mailbox(8);
  mailbox.AddLeases(Leases({1, 2}, 2));
  EXPECT_EQ(mailbox.TakeWork(true).leases.size(), 2);
  mailbox.LoseLeases({2, 77});
  const WorkerMailbox::Work work = mailbox.TakeWork(true);
  EXPECT_THAT(work.lost_lease_ids, ElementsAre(2));
  mailbox.Post(2, Sample(0));
  mailbox.Post(1, Sample(0));
  EXPECT_EQ(mailbox.TakeResults().size(), 1);
  EXPECT_EQ(mailbox.WaitForRoom(), 11);
}

TEST(WorkerMailboxTest, ALeaseLostBeforeTheEngineSawItNeverStarts) {
  WorkerMailbox mailbox(8);
  mailbox.AddLeases(Leases({1, 2}, 2));
  mailbox.LoseLeases({1});
  const WorkerMailbox::Work work = mailbox.TakeWork(true);
  ASSERT_EQ(work.leases.size(), 1);
  EXPECT_EQ(work.leases[0].lease_id(), 2);
  EXPECT_THAT(work.lost_lease_ids, IsEmpty());
}

TEST(WorkerMailboxTest, ClosingWakesEveryoneAndKeepsResults) {
  WorkerMailbox mailbox(1);
  mailbox.AddLeases(Leases({1}, 2));
  mailbox.Post(1, Sample(0));
  std::vector<std::thread> waiting;
  waiting.emplace_back([&] {
    while (mailbox.WaitForRoom() > 0) {
    }
  });
  waiting.emplace_back([&] {
    while (!mailbox.TakeWork(true).is_closed) {
    }
  });
  waiting.emplace_back(
      [&] { EXPECT_TRUE(mailbox.WaitClosed(absl::InfiniteDuration())); });
  mailbox.Close(absl::NotFoundError("gone"));
  mailbox.Close(absl::OkStatus());
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(mailbox.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(mailbox.TakeResults().size(), 1);
  EXPECT_THAT(mailbox.TakeResults(), IsEmpty());
}

TEST(WorkerMailboxTest, AnErrorIsTheResultOfItsSample) {
  WorkerMailbox mailbox(8);
  mailbox.AddLeases(Leases({3}, 2));
  mailbox.PostError(3, 1, absl::InvalidArgumentError("too long"));
  EXPECT_THAT(mailbox.HeldLeases(), ElementsAre(3));
  mailbox.Post(3, Sample(0));
  EXPECT_THAT(mailbox.HeldLeases(), IsEmpty());
  mailbox.PostError(3, 0, absl::InternalError("of a lease that is over"));
  EXPECT_EQ(mailbox.WaitForRoom(), 12);
  const std::vector<SubmitRequest> results = mailbox.TakeResults();
  ASSERT_EQ(results.size(), 1);
  EXPECT_EQ(results[0].lease_id(), 3);
  EXPECT_EQ(results[0].trajectories_size(), 1);
  ASSERT_EQ(results[0].errors_size(), 1);
  EXPECT_EQ(results[0].errors(0).sample_index(), 1);
  EXPECT_EQ(results[0].errors(0).code(), 3);
  EXPECT_EQ(results[0].errors(0).message(), "too long");
}

// As after a minute without the learner: no call is larger than it takes.
TEST(WorkerMailboxTest, ManyResultsAreCutByTheirSize) {
  constexpr int kSamples = 40, kTokens = 250000;  // 2 MB a sample
  WorkerMailbox mailbox(2 * kSamples);
  mailbox.AddLeases(Leases({1, 2}, kSamples));
  for (int i = 0; i < kSamples; ++i) {
    for (uint64_t lease : {1, 2}) {
      Trajectory trajectory = Sample(i);
      trajectory.mutable_tokens()->Resize(kTokens, 100000);
      trajectory.mutable_logprobs()->Resize(kTokens, -1);
      mailbox.Post(lease, std::move(trajectory));
    }
  }
  std::map<uint64_t, std::vector<uint32_t>> posted;
  size_t total = 0;
  for (const SubmitRequest& request : mailbox.TakeResults()) {
    // A few bytes more than the trajectories themselves.
    EXPECT_LE(request.ByteSizeLong(), kMaxSubmitBytes + 1024);
    total += request.ByteSizeLong();
    for (const Trajectory& t : request.trajectories()) {
      EXPECT_EQ(t.tokens_size(), kTokens);
      posted[request.lease_id()].push_back(t.sample_index());
    }
  }
  EXPECT_GT(total, size_t{64} << 20) << "no more than one call could take";
  for (uint64_t lease : {1, 2}) {
    ASSERT_EQ(posted[lease].size(), kSamples);
    EXPECT_TRUE(std::is_sorted(posted[lease].begin(), posted[lease].end()));
  }
  EXPECT_THAT(mailbox.HeldLeases(), IsEmpty());
}

}  // namespace
}  // namespace r1
