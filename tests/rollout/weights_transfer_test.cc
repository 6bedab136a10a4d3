// Lending weights inside a process, and sending them to another one.
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rollout/fetched_weights.h"
#include "rollout/published_weights.h"
#include "rollout/weights_assembler.h"
#include "tests/rollout/tiny_model.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// 1.2 MB: two chunks.
ModelConfig LargerConfig() {
  ModelConfig config = TinyConfig();
  config.hidden_size = 144;
  config.intermediate_size = 300;
  config.head_dim = 24;
  return config;
}

WeightsId Id(uint64_t version, const ParamSet& params) {
  WeightsId id;
  id.set_version(version);
  id.set_sha256(HashParams(params));
  return id;
}

class WeightsTransferTest : public ::testing::Test {
 protected:
  ModelConfig config_ = LargerConfig();
  std::unique_ptr<Ops> ops_ = MakeCpuOps(1);
  std::shared_ptr<ModelWeights> weights_ = TinyWeights(config_, 3, ops_.get());
  WeightsId id_ = Id(5, weights_->params());
};

TEST_F(WeightsTransferTest, RetractWaitsForTheLastReader) {
  PublishedWeights published;
  published.Publish(id_, weights_);
  auto first = *published.Get(id_), second = *published.Get(id_);
  EXPECT_EQ(first.get(), weights_.get());
  EXPECT_TRUE(published.IsCurrent(id_));
  absl::Notification retracted;
  std::thread learner([&] {
    published.Retract();
    retracted.Notify();
  });
  // Withdrawn at once, so that readers learn of it, but not yet returned.
  while (published.IsCurrent(id_)) std::this_thread::yield();
  EXPECT_FALSE(published.Get(id_).ok());
  first = nullptr;
  EXPECT_FALSE(
      retracted.WaitForNotificationWithTimeout(absl::Milliseconds(50)));
  second = nullptr;
  EXPECT_TRUE(retracted.WaitForNotificationWithTimeout(absl::Minutes(4)));
  learner.join();
}

TEST_F(WeightsTransferTest, OnlyWhatIsPublishedIsLent) {
  PublishedWeights published;
  EXPECT_EQ(published.Get(id_).status().code(), absl::StatusCode::kNotFound);
  published.Publish(id_, weights_);
  WeightsId other = id_;
  other.set_version(6);
  absl::Status status = published.Get(other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(), HasSubstr("version 6"));
  EXPECT_THAT(status.ToString(), HasSubstr("version 5"));
  other = id_;
  other.set_sha256("beef");
  status = published.Get(other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("version 5"));
  EXPECT_THAT(status.ToString(), HasSubstr("beef"));
  EXPECT_THAT(status.ToString(), HasSubstr(id_.sha256()));
  EXPECT_FALSE(published.IsCurrent(other));
}

TEST_F(WeightsTransferTest, ASnapshotOutlivesTheWeights) {
  PublishedWeights published;
  published.Publish(id_, weights_);
  const auto snapshot = *published.Snapshot(id_);
  published.Retract();
  const std::vector<float> before(weights_->params().flat().begin(),
                                  weights_->params().flat().end());
  weights_->mutable_params().SetZero();
  EXPECT_EQ(*snapshot, before);
  EXPECT_FALSE(published.Snapshot(id_).ok());
  // The next version is copied anew.
  const WeightsId next = Id(6, weights_->params());
  published.Publish(next, weights_);
  EXPECT_EQ((*published.Snapshot(next))->at(0), 0.0f);
}

class FetchTest : public WeightsTransferTest {
 protected:
  // A transfer whose chunks `change` may damage.
  FetchedWeights::Fetch Transfer(
      std::function<void(int attempt, WeightsChunk*)> change) {
    return [this, change](const WeightsId&, auto on_chunk) {
      ++transfers_;
      const absl::Span<const float> flat = weights_->params().flat();
      for (int64_t i = 0; i < NumWeightsChunks(flat); ++i) {
        WeightsChunk chunk = MakeWeightsChunk(flat, i);
        change(transfers_, &chunk);
        if (chunk.data().empty()) continue;  // lost on the way
        const absl::Status status = on_chunk(chunk);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    };
  }
  absl::Status Get(std::function<void(int, WeightsChunk*)> change) {
    FetchedWeights fetched(config_, ops_.get());
    fetched.SetFetch(Transfer(std::move(change)));
    return fetched.Get(id_).status();
  }

  int transfers_ = 0;
};

TEST_F(FetchTest, WhatArrivesIsWhatWasSentAndIsPacked) {
  ASSERT_EQ(NumWeightsChunks(weights_->params().flat()), 2);
  FetchedWeights fetched(config_, ops_.get());
  fetched.SetFetch(Transfer([](int, WeightsChunk* chunk) {
    EXPECT_LE(chunk->data().size(), 1 << 20);
  }));
  const auto got = fetched.Get(id_);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(HashParams((*got)->params()), id_.sha256());
  const PackedMatrix& head = (*got)->head();
  const PackedMatrix& expected = weights_->head();
  ASSERT_EQ(head.data.count(), expected.data.count());
  for (int64_t i = 0; i < head.data.count(); ++i) {
    ASSERT_EQ(head.data.data()[i], expected.data.data()[i]);
  }
}

TEST_F(FetchTest, EqualHashesAreFetchedOnce) {
  FetchedWeights fetched(config_, ops_.get());
  fetched.SetFetch(Transfer([](int, WeightsChunk*) {}));
  ASSERT_TRUE(fetched.Get(id_).ok());
  WeightsId next = id_;
  next.set_version(6);
  ASSERT_TRUE(fetched.Get(next).ok());
  EXPECT_EQ(transfers_, 1);
}

TEST_F(FetchTest, OneDamagedTransferIsRepeated) {
  EXPECT_TRUE(Get([](int attempt, WeightsChunk* chunk) {
                if (attempt == 1) (*chunk->mutable_data())[100] ^= 1;
              }).ok());
  EXPECT_EQ(transfers_, 2);
}

TEST_F(FetchTest, OneFlippedBitIsNoticed) {
  const absl::Status status = Get([](int, WeightsChunk* chunk) {
    if (chunk->offset_bytes() > 0) (*chunk->mutable_data())[77] ^= 4;
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.ToString(), HasSubstr("version 5"));
  EXPECT_THAT(status.ToString(), HasSubstr(id_.sha256()));
  EXPECT_EQ(transfers_, 2);
}

TEST_F(FetchTest, GapsOverlapsAndOtherSizesAreRefused) {
  const auto code = [&](auto change) { return Get(change).code(); };
  constexpr absl::StatusCode kLoss = absl::StatusCode::kDataLoss;
  EXPECT_EQ(code([](int, WeightsChunk* c) {
              if (c->offset_bytes() == 0) c->clear_data();
            }),
            kLoss);
  EXPECT_EQ(code([](int, WeightsChunk* c) {
              if (c->offset_bytes() > 0) c->clear_data();
            }),
            kLoss);
  EXPECT_EQ(code([](int, WeightsChunk* c) { c->set_offset_bytes(0); }), kLoss);
  EXPECT_EQ(code([](int, WeightsChunk* c) {
              if (c->offset_bytes() > 0) *c->mutable_data() += "xxxx";
            }),
            kLoss);
  EXPECT_EQ(code([](int, WeightsChunk* c) {
              c->set_total_bytes(c->total_bytes() + 4);
            }),
            kLoss);
}

TEST_F(FetchTest, AFailedFetchLeavesNoWeightsBehind) {
  FetchedWeights fetched(config_, ops_.get());
  bool is_damaged = false;
  fetched.SetFetch(Transfer([&](int, WeightsChunk* chunk) {
    if (is_damaged) (*chunk->mutable_data())[9] ^= 1;
  }));
  ASSERT_TRUE(fetched.Get(id_).ok());
  is_damaged = true;
  WeightsId other = id_;
  other.set_sha256("beef");
  EXPECT_FALSE(fetched.Get(other).ok());
  // The earlier version was overwritten: it is not handed out again.
  EXPECT_FALSE(fetched.Get(id_).ok());
}

}  // namespace
}  // namespace r1
