// The contract of communicator.h, kept by each implementation.
#include "learner/ranks/communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/matrix.h"
#include "learner/ranks/grpc_ranks.h"
#include "learner/ranks/thread_ranks.h"
#include "tests/learner/ranks/contract.h"

namespace r1 {
namespace {

using testing::HasSubstr;

class SoloRanks : public TestRanks {
 public:
  Communicator* rank(int) override { return &solo_; }

 private:
  SoloCommunicator solo_{CpuDevice()};
};

class ThreadTestRanks : public TestRanks {
 public:
  ThreadTestRanks(int size, absl::Duration patience) : ranks_(size, patience) {}
  Communicator* rank(int r) override { return ranks_.rank(r); }

 private:
  ThreadRanks ranks_;
};

const CommunicatorKind kSolo = {"Solo", false, [](int, absl::Duration) {
                                  return std::make_unique<SoloRanks>();
                                }};
const CommunicatorKind kThreads = {
    "Threads", true, [](int size, absl::Duration patience) {
      return std::make_unique<ThreadTestRanks>(size, patience);
    }};

class GrpcTestRanks : public TestRanks {
 public:
  GrpcTestRanks(int size, absl::Duration patience) {
    for (int r = 0; r < size; ++r) {
      auto ranks = GrpcRanks::Listen({.rank = r,
                                      .size = size,
                                      .build_id = "build",
                                      .device = "target",
                                      .patience = patience});
      EXPECT_TRUE(ranks.ok()) << ranks.status();
      ranks_.push_back(*std::move(ranks));
    }
    std::vector<std::jthread> threads;
    for (auto& rank : ranks_) {
      threads.emplace_back([&rank, first = ranks_[0]->address()] {
        EXPECT_EQ(rank->Join(first), absl::OkStatus());
      });
    }
  }
  // Rank 0 tells the others; each then goes by itself.
  ~GrpcTestRanks() override {
    for (auto& rank : ranks_) rank.reset();
  }
  Communicator* rank(int r) override { return ranks_[r].get(); }

 private:
  std::vector<std::unique_ptr<GrpcRanks>> ranks_;
};

const CommunicatorKind kGrpc = {
    "Grpc", true, [](int size, absl::Duration patience) {
      return std::make_unique<GrpcTestRanks>(size, patience);
    }};

class CommunicatorTest : public testing::TestWithParam<CommunicatorKind> {
 protected:
  std::vector<int> Sizes() const {
    return GetParam().has_peers ? std::vector<int>{1, 2, 4}
                                : std::vector<int>{1};
  }
  std::unique_ptr<TestRanks> Make(int size,
                                  absl::Duration patience = kRankPatience) {
    return GetParam().make(size, patience);
  }
};

// Element k of what rank p sends to rank q.
float Element(int p, int q, int64_t k) {
  return static_cast<float>(1000000 * p + 100000 * q + k % 99991);
}

TEST_P(CommunicatorTest, MovesEveryTensorToItsRank) {
  // Nothing, little, more than a chunk, and an odd number of chunks.
  const auto count = [](int p, int q) {
    return std::vector<int64_t>{0, 3, 200003, 1 << 18}[(p + 2 * q) % 4];
  };
  for (const int size : Sizes()) {
    const auto ranks = Make(size);
    OnEachRank(ranks.get(), size, [&](Communicator* comm) {
      EXPECT_EQ(comm->size(), size);
      for (int round = 0; round < 3; ++round) {
        std::vector<std::vector<float>> out(size), in(size);
        std::vector<Tensor> send(size), receive(size);
        for (int q = 0; q < size; ++q) {
          for (int64_t k = 0; k < count(comm->rank(), q); ++k) {
            out[q].push_back(Element(comm->rank(), q, k + round));
          }
          in[q].resize(count(q, comm->rank()), -1);
          if (!out[q].empty()) send[q] = VectorTensor(out[q]);
          if (!in[q].empty()) receive[q] = VectorTensor(in[q]);
        }
        ASSERT_EQ(comm->Move(send, receive), absl::OkStatus());
        for (int p = 0; p < size; ++p) {
          for (size_t k = 0; k < in[p].size(); ++k) {
            ASSERT_EQ(in[p][k], Element(p, comm->rank(), k + round));
          }
        }
      }
    });
  }
}

TEST_P(CommunicatorTest, GathersAndScattersBytes) {
  for (const int size : Sizes()) {
    const auto ranks = Make(size);
    OnEachRank(ranks.get(), size, [&](Communicator* comm) {
      const int rank = comm->rank();
      for (const size_t length : {size_t{0}, size_t{5}, size_t{3} << 20}) {
        const std::string mine(length + rank, 'a' + rank);
        std::vector<std::string> all;
        ASSERT_EQ(comm->Gather(mine, &all), absl::OkStatus());
        ASSERT_EQ(static_cast<int>(all.size()), size);
        for (int p = 0; p < size; ++p) {
          EXPECT_EQ(all[p], std::string(length + p, 'a' + p));
        }
        std::vector<std::string> orders;
        for (int q = 0; rank == 0 && q < size; ++q) {
          orders.emplace_back(length + 2 * q, '0' + q);
        }
        std::string order = "old";
        ASSERT_EQ(comm->Scatter(orders, &order), absl::OkStatus());
        EXPECT_EQ(order, std::string(length + 2 * rank, '0' + rank));
      }
    });
  }
}

// Blocks of 8,192 elements, of which some ranks have none.
TEST_P(CommunicatorTest, SlicesGoFromOneToAllAndBack) {
  for (const int size : Sizes()) {
    for (const int64_t count :
         {int64_t{100}, int64_t{5 * 8192 - 1}, int64_t{8 * 8192}}) {
      SCOPED_TRACE(testing::Message() << size << " " << count);
      const RankSlices slices(count, size);
      int64_t total = 0;
      for (int r = 0; r < size; ++r) {
        EXPECT_EQ(slices.begin(r), total);
        EXPECT_TRUE(slices.begin(r) % 8192 == 0 || slices.size(r) == 0);
        total += slices.size(r);
      }
      EXPECT_EQ(total, count);
      const auto ranks = Make(size);
      OnEachRank(ranks.get(), size, [&](Communicator* comm) {
        const int rank = comm->rank();
        std::vector<float> want(count), have(count, -1);
        std::iota(want.begin(), want.end(), 0.0f);
        const Tensor flat = VectorTensor(have);
        if (rank == 0) have = want;
        ASSERT_EQ(ScatterFromFirst(slices, flat, comm), absl::OkStatus());
        for (int64_t i = 0; i < count; ++i) {
          const bool is_mine =
              rank == 0 || (i >= slices.begin(rank) &&
                            i < slices.begin(rank) + slices.size(rank));
          ASSERT_EQ(have[i], is_mine ? want[i] : -1);
        }
        if (rank == 0) {  // what the others have is forgotten
          std::fill(have.begin() + slices.size(0), have.end(), -1.0f);
        }
        ASSERT_EQ(AllGather(slices, flat, comm), absl::OkStatus());
        EXPECT_EQ(have, want);
        for (float& x : have) x += rank;
        ASSERT_EQ(GatherAtFirst(slices, flat, comm), absl::OkStatus());
        for (int64_t i = 0; i < count; ++i) {
          int owner = rank;
          for (int r = 0; rank == 0 && r < size; ++r) {
            if (i >= slices.begin(r) && i < slices.begin(r) + slices.size(r)) {
              owner = r;
            }
          }
          ASSERT_EQ(have[i], want[i] + owner);
        }
        ASSERT_EQ(Broadcast(flat, comm), absl::OkStatus());
        std::vector<std::string> all;
        ASSERT_EQ(comm->Gather({reinterpret_cast<const char*>(have.data()),
                                have.size() * sizeof(float)},
                               &all),
                  absl::OkStatus());
        for (const std::string& bytes : all) EXPECT_EQ(bytes, all[0]);
      });
    }
  }
}

TEST_P(CommunicatorTest, AfterAnAbortEveryCallFailsWithTheFirstCause) {
  for (const int size : Sizes()) {
    const auto ranks = Make(size);
    OnEachRank(ranks.get(), size, [&](Communicator* comm) {
      if (comm->rank() == size - 1) {
        comm->Abort(absl::InternalError("the first cause"));
        comm->Abort(absl::InternalError("a later one"));
      }
      std::vector<std::string> all;
      for (int i = 0; i < 2; ++i) {
        const absl::Status status = comm->Gather("x", &all);
        EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
        EXPECT_THAT(status.message(), HasSubstr("the first cause"));
      }
      const std::vector<Tensor> nothing(size);
      EXPECT_FALSE(comm->Move(nothing, nothing).ok());
      std::string order;
      EXPECT_FALSE(
          comm->Scatter(std::vector<std::string>(comm->rank() == 0 ? size : 0),
                        &order)
              .ok());
    });
  }
}

// A rank that is in another call, or in none.
TEST_P(CommunicatorTest, OnesWhoWaitInVainFailAll) {
  if (!GetParam().has_peers) return;
  const auto ranks = Make(2, absl::Milliseconds(200));
  std::vector<std::string> all;
  const absl::Status status = ranks->rank(0)->Gather("x", &all);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("rank 1"));
  // What rank 0 gave before may still arrive.
  ranks->rank(1)->Gather("x", &all).IgnoreError();
  EXPECT_EQ(ranks->rank(1)->Gather("x", &all).code(),
            absl::StatusCode::kUnavailable);
}

TEST_P(CommunicatorTest, TensorsOfOtherSizesAreInternalErrors) {
  const int size = GetParam().has_peers ? 2 : 1;
  const auto ranks = Make(size);
  OnEachRank(ranks.get(), size, [&](Communicator* comm) {
    std::vector<float> x(4), y(3);
    std::vector<Tensor> send(size), receive(size);
    send[0] = VectorTensor(x);
    if (comm->rank() == 0) receive[size - 1] = VectorTensor(y);
    if (comm->rank() == 0 && size > 1) send[0] = Tensor();
    absl::Status status = comm->Move(send, receive);
    std::vector<std::string> all;
    if (comm->rank() > 0) status.Update(comm->Gather("", &all));
    EXPECT_FALSE(status.ok());
    if (comm->rank() == 0) {
      EXPECT_THAT(status.message(), HasSubstr("expects 3 elements of rank"));
    }
  });
}

// Rank 0 may let the others wait for an order longer than for anything else.
TEST_P(CommunicatorTest, OrdersHaveNoDeadline) {
  if (!GetParam().has_peers) return;
  const auto ranks = Make(2, absl::Milliseconds(100));
  OnEachRank(ranks.get(), 2, [&](Communicator* comm) {
    std::vector<std::string> orders;
    if (comm->rank() == 0) {
      orders = {"a", "b"};
      absl::SleepFor(absl::Milliseconds(400));
    }
    std::string order;
    EXPECT_EQ(comm->Scatter(orders, &order), absl::OkStatus());
    EXPECT_EQ(order, comm->rank() == 0 ? "a" : "b");
  });
}

INSTANTIATE_TEST_SUITE_P(All, CommunicatorTest,
                         testing::Values(kSolo, kThreads, kGrpc),
                         [](const auto& info) { return info.param.name; });

std::unique_ptr<GrpcRanks> ListenAs(int rank, GrpcRankOptions options = {}) {
  options.rank = rank;
  options.size = options.size == 1 ? 2 : options.size;
  auto ranks = GrpcRanks::Listen(std::move(options));
  EXPECT_TRUE(ranks.ok()) << ranks.status();
  return *std::move(ranks);
}

// Each in one line that names both sides; nobody else is disturbed.
TEST(GrpcRanksTest, WhoIsNotOfTheGangIsRefused) {
  const GrpcRankOptions same = {.build_id = "b1", .device = "AVX2"};
  const auto first = ListenAs(0, same);
  const auto join = [&](int rank, GrpcRankOptions options) {
    return ListenAs(rank, std::move(options))->Join(first->address());
  };
  EXPECT_EQ(join(1, {.build_id = "b2", .device = "AVX2"}).message(),
            "rank 1 cannot join: its build is another than rank 0's: expected "
            "b1, got b2");
  EXPECT_EQ(join(1, {.build_id = "b1", .device = "AVX3"}).message(),
            "rank 1 cannot join: its device is another than rank 0's: "
            "expected AVX2, got AVX3");
  EXPECT_EQ(join(1, {.size = 4, .build_id = "b1", .device = "AVX2"}).message(),
            "rank 1 cannot join: its number of ranks is another than rank 0's: "
            "expected 2, got 4");
  const auto second = ListenAs(1, same);
  std::jthread waits(
      [&] { EXPECT_EQ(second->Join(first->address()), absl::OkStatus()); });
  EXPECT_EQ(first->Join(first->address()), absl::OkStatus());
  waits.join();
  const absl::Status taken = join(1, same);
  EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(taken.message(), absl::StrCat("rank 1 is taken by the process at ",
                                          second->address()));
}

TEST(GrpcRanksTest, MissingRanksAreNamed) {
  const auto first =
      ListenAs(0, {.size = 4, .join_patience = absl::Milliseconds(50)});
  const absl::Status status = first->Join(first->address());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(),
            "of 4 ranks these have not joined within 50ms: 1, 2, 3");
}

// A rank that goes takes others with it, who see each other go: all are told
// who was the first.
TEST(GrpcRanksTest, TheFirstToGoIsTheOneThatIsNamed) {
  std::vector<std::unique_ptr<GrpcRanks>> ranks;
  for (int r = 0; r < 4; ++r) ranks.push_back(ListenAs(r, {.size = 4}));
  {
    std::vector<std::jthread> threads;
    for (auto& rank : ranks) {
      threads.emplace_back([&] {
        EXPECT_EQ(rank->Join(ranks[0]->address()), absl::OkStatus());
      });
    }
  }
  std::vector<std::jthread> threads;
  for (const int r : {0, 1, 3}) {
    threads.emplace_back([&, r] {
      std::vector<std::string> all;
      EXPECT_EQ(ranks[r]->Gather("x", &all).message(), "rank 2 is gone");
      ranks[r].reset();
    });
  }
  ranks[2].reset();
}

}  // namespace
}  // namespace r1
