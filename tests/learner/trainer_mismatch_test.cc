// Samples whose log-probs are not the trainer's: made again, or the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "learner/checkpoint_store.h"
#include "tests/learner/trainer_testing.h"

namespace r1 {
namespace {

using testing::HasSubstr;

// Flips the last bit of one log-prob.
void FlipBit(Trajectory* t, int token) {
  t->set_logprobs(token, std::nextafter(t->logprobs(token), 0.0f));
}

TEST_F(TrainerTest, AMismatchThatIsThereAgainStopsTheRunAndNamesTheSample) {
  config_.mutable_rl()->set_minibatches(1);
  const auto tamper = [](Trajectory* t) {
    if (t->prompt_id() == 2 && t->sample_index() == 3) FlipBit(t, 5);
  };
  for (const bool has_two : {false, true}) {
    journal_ = MapJournal();
    auto process = Start();
    process->rollout.tamper = tamper;
    if (has_two) process->rollout.workers = {"w1", "w2"};
    const std::string before = process->Hash();
    const auto metrics = process->trainer->Step();
    EXPECT_EQ(metrics.status().code(), absl::StatusCode::kFailedPrecondition);
    const std::string message(metrics.status().message());
    EXPECT_THAT(message, HasSubstr("sample 2/3: token 5 has log-prob "));
    EXPECT_THAT(message, HasSubstr("above rl.max_mismatch = 0"));
    EXPECT_THAT(message, HasSubstr(has_two ? "gave the same bits"
                                           : "worker w1 gave these bits twice, "
                                             "and there is no other"));
    EXPECT_EQ(process->Hash(), before);
    EXPECT_TRUE(process->rollout.quarantined.empty());
  }

  journal_ = MapJournal();
  config_.mutable_rl()->set_max_mismatch(1e-5);
  auto tolerant = Start();
  tolerant->rollout.tamper = tamper;
  const auto tolerated = tolerant->trainer->Step();
  ASSERT_TRUE(tolerated.ok()) << tolerated.status();
  EXPECT_GT(MetricOf(*tolerated, "max_logprob_mismatch"), 0);
  EXPECT_EQ(journal_.trajectories_recorded, 16);
}

// A worker with a bad bit is found out by the next one, and whatever it gave
// to the step is made again.
TEST_F(TrainerTest, AWorkerThatFlipsABitIsQuarantinedAndTheRunIsTheSame) {
  config_.mutable_rl()->set_minibatches(1);
  const std::string expected = UndisturbedHash();
  auto process = Start();
  process->rollout.workers = {"good", "bad", "fair"};
  process->rollout.tamper = [](Trajectory* t) {
    if (t->worker() == "bad" && t->sample_index() == 2) FlipBit(t, 1);
  };
  for (int step = 0; step < config_.rl().steps(); ++step) {
    const auto metrics = process->trainer->Step();
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(MetricOf(*metrics, "max_logprob_mismatch"), 0.0);
  }
  EXPECT_EQ(process->Hash(), expected);
  ASSERT_FALSE(process->rollout.quarantined.empty());
  for (const std::string& worker : process->rollout.quarantined) {
    EXPECT_EQ(worker, "bad");
  }
  for (const auto& [key, record] : journal_.samples) {
    EXPECT_NE(record.trajectory.worker(), "bad");
  }
  std::map<std::string, std::vector<std::string>> events;
  for (const auto& [step, kind, message] : journal_.events) {
    EXPECT_EQ(step, 1);
    events[kind].push_back(message);
  }
  ASSERT_FALSE(events["mismatch"].empty());
  EXPECT_THAT(events["mismatch"][0], HasSubstr("of worker bad: token 1 has "));
  EXPECT_THAT(events["mismatch"][0], HasSubstr("the trainer's is "));
  EXPECT_THAT(events["worker-quarantined"][0],
              HasSubstr("worker bad is out of service: step 1, sample "));
}

// One bit of memory, once: not even a lone worker has to go.
TEST_F(TrainerTest, AMismatchThatDoesNotComeAgainIsHealed) {
  const std::string expected = UndisturbedHash();
  // Every sample of every step in turn, in the first minibatch or not.
  int healed = 0;
  for (int flipped = 0; flipped < 16; ++flipped) {
    journal_ = MapJournal();
    auto process = Start();
    int seen = 0;
    process->rollout.tamper = [&](Trajectory* t) {
      if (seen++ == flipped) FlipBit(t, 0);
    };
    for (int step = 0; step < config_.rl().steps(); ++step) {
      const auto metrics = process->trainer->Step();
      ASSERT_TRUE(metrics.ok()) << metrics.status();
    }
    EXPECT_TRUE(process->rollout.quarantined.empty());
    if (journal_.events.empty()) continue;  // of the second minibatch
    ++healed;
    EXPECT_EQ(process->Hash(), expected);
    EXPECT_EQ(journal_.trajectories_recorded, 6 * 16 + 1);
  }
  EXPECT_EQ(healed, 8);
}

// The pass that truncated importance sampling makes compares all samples.
TEST_F(TrainerTest, EverySampleIsComparedWhereAllAreScored) {
  config_.mutable_rl()->set_steps(1);
  const auto first = Start()->trainer->Step();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(MetricOf(*first, "mismatch/checked_share"), 0.5);
  config_.mutable_rl()->set_tis_cap(2);
  const std::string expected = UndisturbedHash();
  for (int flipped = 0; flipped < 16; ++flipped) {
    journal_ = MapJournal();
    auto process = Start();
    int seen = 0;
    process->rollout.tamper = [&](Trajectory* t) {
      if (seen++ == flipped) FlipBit(t, 0);
    };
    const auto metrics = process->trainer->Step();
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(MetricOf(*metrics, "mismatch/checked_share"), 1);
    EXPECT_EQ(MetricOf(*metrics, "max_logprob_mismatch"), 0);
    EXPECT_EQ(journal_.events.size(), 1u);
    EXPECT_EQ(process->Hash(), expected);
  }
}

TEST_F(TrainerTest, ThreeDifferentAnswersStopTheRun) {
  config_.mutable_rl()->set_minibatches(1);
  auto process = Start();
  int attempts = 0;
  process->rollout.tamper = [&](Trajectory* t) {
    if (t->prompt_id() == 0 && t->sample_index() == 0) FlipBit(t, attempts++);
  };
  const auto metrics = process->trainer->Step();
  EXPECT_EQ(metrics.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(metrics.status().message()),
              HasSubstr("3 attempts gave other bits each"));
  EXPECT_EQ(attempts, 3);
}

// The bad sample is in the journal of a run that was killed; its worker is long
// gone.
TEST_F(TrainerTest, AMismatchOfTheJournalIsHealedOnResume) {
  config_.mutable_rl()->set_minibatches(1);
  config_.mutable_rl()->set_steps(1);
  const std::string expected = UndisturbedHash();
  auto first =
      Start({.patience = {absl::ZeroDuration(), absl::ZeroDuration()}});
  first->rollout.workers = {"gone"};
  first->rollout.tamper = [](Trajectory* t) {
    if (t->prompt_id() == 3) FlipBit(t, 0);
  };
  first->rollout.deliveries_left = 15;
  ASSERT_FALSE(first->trainer->Step().ok());
  ASSERT_EQ(journal_.trajectories_recorded, 15);
  auto second = Start();
  const auto metrics = second->trainer->Step();
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(second->Hash(), expected);
  EXPECT_THAT(second->rollout.quarantined, testing::Each("gone"));
  for (const auto& [key, record] : journal_.samples) {
    EXPECT_EQ(record.trajectory.worker(), "w1");
  }
}

// What a bad sample led to goes with it: later rounds of dynamic sampling, and
// the rewards of those it was compared with.
TEST_F(TrainerTest, WhatABadSampleLedToIsUndone) {
  config_.mutable_rl()->set_minibatches(1);
  config_.mutable_rl()->set_steps(1);
  config_.mutable_rl()->set_dynamic_sampling(3);
  // Prompt 0 is informative, which a wrong token of its last sample hides; then
  // it is not trained on, and its log-probs are not compared.
  const auto score = [](const RewardItem& item) {
    const auto [prompt, sample] = KeyOf(item);
    const bool is_wrong = item.completion().find('!') == 0;
    if (prompt == 0) return ScoreOf(sample == 3 && !is_wrong ? 1 : 0);
    return ScoreOf(prompt == 2 ? 1 : sample % 2);
  };
  for (const bool compares : {false, true}) {
    MapJournal undisturbed;
    Process right(config_, &undisturbed, &tokenizer_, {.score = score});
    right.reward.compares = compares;
    ASSERT_TRUE(right.trainer->Step().ok());

    journal_ = MapJournal();
    auto process = Start({.score = score});
    process->reward.compares = compares;
    process->rollout.workers = {"good", "bad"};  // of even and odd samples
    int wrong_tokens = 0;
    process->rollout.tamper = [&](Trajectory* t) {
      if (t->worker() != "bad") return;
      if (t->prompt_id() == 1) FlipBit(t, 0);
      if (t->prompt_id() != 0 || t->sample_index() != 3) return;
      ++wrong_tokens;
      t->set_tokens(0, (*tokenizer_.Encode("!"))[0]);
    };
    const auto metrics = process->trainer->Step();
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(wrong_tokens, 1);
    EXPECT_EQ(process->Hash(), right.Hash());
    ASSERT_EQ(journal_.samples.size(), undisturbed.samples.size());
    for (const auto& [key, record] : undisturbed.samples) {
      const SampleRecord& got = journal_.samples.at(key);
      EXPECT_EQ(got.reward->total(), record.reward->total());
      EXPECT_THAT(got.trajectory.tokens(),
                  testing::ElementsAreArray(record.trajectory.tokens()));
    }
  }
}

}  // namespace
}  // namespace r1
