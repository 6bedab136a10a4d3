// Handing weights out inside a process, and sending them to another one.
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/matrix.h"
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

WeightsId Id(uint64_t version, const PolicyWeights& weights, Ops* ops) {
  WeightsId id;
  id.set_version(version);
  id.set_sha256(HashWeights(weights, ops));
  return id;
}

class WeightsTransferTest : public ::testing::Test {
 protected:
  ModelConfig config_ = LargerConfig();
  std::unique_ptr<Ops> ops_ = MakeCpuOps(1);
  std::shared_ptr<PolicyWeights> weights_ = TinyWeights(config_, 3, ops_.get());
  WeightsId id_ = Id(5, *weights_, ops_.get());
};

TEST_F(WeightsTransferTest, WhoHasWithdrawnWeightsKeepsThem) {
  PublishedWeights published;
  published.Publish(id_, weights_);
  const auto held = *published.Get(id_);
  EXPECT_EQ(held.get(), weights_.get());
  EXPECT_TRUE(published.IsCurrent(id_));
  published.Withdraw();
  EXPECT_FALSE(published.IsCurrent(id_));
  EXPECT_EQ(published.Get(id_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(HashWeights(*held, ops_.get()), id_.sha256());
  EXPECT_EQ(weights_.use_count(), 2) << "here and in `held`";
}

// A version that somebody holds is never written; one that nobody holds is.
TEST_F(WeightsTransferTest, TheNextVersionTakesTheMemoryOfOneThatIsNotHeld) {
  WeightSlots slots(config_, CpuDevice());
  std::shared_ptr<PolicyWeights> first = slots.Next();
  first->Assign(TinyParams(config_, 3), ops_.get());
  std::shared_ptr<const PolicyWeights> held = first;
  const PolicyWeights* const memory = first.get();
  first = nullptr;
  std::shared_ptr<PolicyWeights> second = slots.Next();
  EXPECT_NE(second.get(), memory);
  second->Assign(TinyParams(config_, 4), ops_.get());
  EXPECT_EQ(HashWeights(*held, ops_.get()), id_.sha256());
  held = nullptr;
  const std::shared_ptr<PolicyWeights> third = slots.Next();
  EXPECT_EQ(third.get(), memory);
  third->Assign(TinyParams(config_, 5), ops_.get());
  for (const auto& [weights, seed] : {std::pair(second, 4), {third, 5}}) {
    EXPECT_EQ(HashWeights(*weights, ops_.get()),
              HashWeights(*TinyWeights(config_, seed, ops_.get()), ops_.get()));
  }
}

// Versions may outlive the slots they came from.
TEST_F(WeightsTransferTest, AVersionOutlivesItsSlots) {
  std::shared_ptr<PolicyWeights> weights;
  {
    WeightSlots slots(config_, CpuDevice());
    weights = slots.Next();
  }
  weights->Assign(TinyParams(config_, 3), ops_.get());
  EXPECT_EQ(HashWeights(*weights, ops_.get()), id_.sha256());
}

TEST_F(WeightsTransferTest, OnlyWhatIsPublishedIsHandedOut) {
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

class FetchTest : public WeightsTransferTest {
 protected:
  // A transfer whose chunks `change` may damage.
  FetchedWeights::Fetch Transfer(
      std::function<void(int attempt, WeightsChunk*)> change) {
    return [this, change](const WeightsId&, auto on_chunk) {
      ++transfers_;
      for (int64_t i = 0; i < NumWeightsChunks(*weights_); ++i) {
        WeightsChunk chunk = MakeWeightsChunk(*weights_, i);
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

TEST_F(FetchTest, WhatArrivesIsWhatWasSent) {
  ASSERT_EQ(NumWeightsChunks(*weights_), 2);
  FetchedWeights fetched(config_, ops_.get());
  fetched.SetFetch(Transfer([](int, WeightsChunk* chunk) {
    EXPECT_LE(chunk->data().size(), 1 << 20);
  }));
  const auto got = fetched.Get(id_);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(HashWeights(**got, ops_.get()), id_.sha256());
  // In the kernels' order, too.
  const Linear& head = (*got)->head();
  const Linear& expected = weights_->head();
  ASSERT_EQ(head.data.count(), expected.data.count());
  for (int64_t i = 0; i < head.data.count(); ++i) {
    ASSERT_EQ(FloatsOf(head.data)[i], FloatsOf(expected.data)[i]);
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
              if (c->offset_bytes() > 0) c->mutable_data()->resize(10);
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
