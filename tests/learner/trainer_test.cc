#include "learner/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernels/cpu/cpu_ops.h"
#include "learner/checkpoint_store.h"
#include "tests/learner/fakes.h"

namespace r1 {
namespace {

using testing::HasSubstr;

// Puts NaN into the gradient while `is_poisoned`.
class PoisonableOps : public CpuOps {
 public:
  using CpuOps::CpuOps;
  void LogprobBackward(ConstMat h, const PackedMatrix& head,
                       const PackedMatrix& head_backward,
                       absl::Span<const int32_t> targets, float inv_temperature,
                       absl::Span<const float> dlogprob,
                       absl::Span<const float> dentropy, Mat dh, Mat dhead,
                       absl::Span<float> logprob,
                       absl::Span<float> entropy) override {
    CpuOps::LogprobBackward(h, head, head_backward, targets, inv_temperature,
                            dlogprob, dentropy, dh, dhead, logprob, entropy);
    if (is_poisoned) dh.Row(0)[0] = std::numeric_limits<float>::quiet_NaN();
  }
  bool is_poisoned = false;
};

RunConfig TinyRun() {
  RunConfig config;
  RlSection* rl = config.mutable_rl();
  rl->set_steps(6);
  rl->set_prompts(4);
  rl->set_group_size(4);
  rl->set_minibatches(2);
  rl->set_learning_rate(2e-3);
  rl->set_kl_coef(0.01);
  rl->set_reference_every(5);
  rl->set_microbatch_tokens(64);
  config.mutable_rollout()->set_max_new_tokens(8);
  return config;
}

// One learner process: everything that dies with it.
class Process {
 public:
  struct Options {
    int threads = 1;
    int max_batch = 64;
    LambdaReward::Score score = ShareOfEvenBytes;
    Patience patience = {};
    ProgressReporter::Callback on_progress = nullptr;
  };

  Process(const RunConfig& config, MapJournal* journal, const Tokenizer* tok,
          Options options, std::optional<TrainingState> state = std::nullopt)
      : ops(options.threads),
        prompts(tok),
        rollout(TinyModel(), &ops, options.max_batch),
        reward(options.score) {
    if (!state) {
      state = StartTraining(TinyModel(), TinyParams(1),
                            config.rl().kl_coef() > 0, &ops);
    }
    trainer = std::make_unique<Trainer>(
        config, LearnerPeers{&prompts, &rollout, &reward, journal, tok}, &ops,
        *std::move(state),
        TrainerOptions{
            {"even", /*right_from=*/2}, options.patience, options.on_progress});
  }
  std::string Hash() const {
    return HashParams(trainer->state().weights->params());
  }

  PoisonableOps ops;
  CountingPrompts prompts;
  EngineRollout rollout;
  LambdaReward reward;
  std::unique_ptr<Trainer> trainer;
};

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() : tokenizer_(*TrainTokenizer({}, 257, true)) {}

  std::unique_ptr<Process> Start(
      Process::Options options = {},
      std::optional<TrainingState> state = std::nullopt) {
    return std::make_unique<Process>(config_, &journal_, &tokenizer_,
                                     std::move(options), std::move(state));
  }
  // The final hash of an undisturbed run with its own journal.
  std::string UndisturbedHash(Process::Options options = {}) {
    MapJournal journal;
    Process process(config_, &journal, &tokenizer_, std::move(options));
    for (int i = 0; i < config_.rl().steps(); ++i) {
      const auto metrics = process.trainer->Step();
      EXPECT_TRUE(metrics.ok()) << metrics.status();
    }
    return process.Hash();
  }

  RunConfig config_ = TinyRun();
  Tokenizer tokenizer_;
  MapJournal journal_;
};

TEST_F(TrainerTest, RewardRisesOnATrivialTask) {
  config_.mutable_rl()->set_prompts(8);
  config_.mutable_rl()->set_group_size(8);
  auto process = Start();
  double first = 0, last = 0;
  for (int step = 0; step < 40; ++step) {
    const auto metrics = process->trainer->Step();
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(MetricOf(*metrics, "max_logprob_mismatch"), 0.0);
    last = MetricOf(*metrics, "reward/mean");
    if (step == 0) first = last;
  }
  // Random bytes score 1/2; 64 samples x 8 bytes: standard error 0.02.
  EXPECT_NEAR(first, 0.5, 0.1);
  EXPECT_GT(last, 0.9);
}

// Paper section 1.1 on the first minibatch of a run.
TEST_F(TrainerTest, FirstUpdateIsOnPolicy) {
  config_.mutable_rl()->set_minibatches(1);
  config_.mutable_rollout()->set_temperature(0.7);
  auto process = Start();
  const auto metrics = process->trainer->Step();
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(MetricOf(*metrics, "ratio/max"), 1.0);
  EXPECT_EQ(MetricOf(*metrics, "clip_fraction"), 0.0);
  EXPECT_EQ(MetricOf(*metrics, "kl"), 0.0);
  EXPECT_EQ(MetricOf(*metrics, "max_logprob_mismatch"), 0.0);
  // Later updates of a phase are off-policy, and the KL grows.
  const auto second = process->trainer->Step();
  EXPECT_GT(MetricOf(*second, "kl"), 0.0);
}

TEST_F(TrainerTest, MetricsDescribeTheStep) {
  config_.mutable_rollout()->set_max_new_tokens(40);
  auto process = Start({.score = [](const RewardItem& item) {
    RewardResult result = ScoreOf(KeyOf(item).second == 0 ? 3 : 1);
    RewardComponent* format = result.add_components();
    format->set_name("format");
    format->set_value(0.5);
    return result;
  }});
  const auto metrics = process->trainer->Step();
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(journal_.metrics.at({"rl", 1}), *metrics);
  const auto value = [&](const char* name) { return MetricOf(*metrics, name); };
  EXPECT_EQ(value("reward/mean"), 1.5);
  EXPECT_EQ(value("reward/rule/even"), 1.5);
  EXPECT_EQ(value("accuracy"), 0.25);  // 3 is right, 1 is not
  EXPECT_EQ(value("reward/rule/format"), 0.5);
  EXPECT_EQ(value("format"), 0.5);
  EXPECT_EQ(value("samples"), 16);
  EXPECT_EQ(value("advantage/zero_groups"), 0);
  EXPECT_EQ(value("reward/errors"), 0);
  EXPECT_EQ(value("reward/abstains"), 0);
  EXPECT_EQ(value("updates/skipped"), 0);
  EXPECT_EQ(value("version"), 1);
  EXPECT_FLOAT_EQ(value("learning_rate"), 2e-3);
  int64_t tokens = 0, prompt_tokens = 0, truncated = 0, longest = 0;
  for (const auto& [key, record] : journal_.samples) {
    const int length = record.trajectory.tokens_size();
    tokens += length;
    prompt_tokens += record.prompt.token_ids_size();
    truncated += record.trajectory.finish_reason() == FINISH_LENGTH;
    longest = std::max<int64_t>(longest, length);
  }
  ASSERT_TRUE(truncated > 0 && truncated < 16) << "choose another seed";
  EXPECT_EQ(value("tokens/generated"), tokens);
  EXPECT_EQ(value("tokens/trained"), tokens + prompt_tokens);
  EXPECT_EQ(value("response_length/mean"), tokens / 16.0);
  EXPECT_EQ(value("response_length/max"), longest);
  EXPECT_EQ(value("truncated_share"), truncated / 16.0);
  // A new model is nearly uniform over its 257 tokens.
  EXPECT_NEAR(value("entropy"), std::log(257), 0.2);
  EXPECT_GT(value("grad_norm"), 0);
}

TEST_F(TrainerTest, AdvantagesAreThoseOfWholeGroups) {
  config_.mutable_rl()->set_advantage(DR_GRPO);
  auto process = Start({.score = [](const RewardItem& item) {
    return ScoreOf(KeyOf(item).first == 2 ? 1 : KeyOf(item).second);
  }});
  ASSERT_TRUE(process->trainer->Step().ok());
  for (uint64_t prompt = 0; prompt < 4; ++prompt) {
    for (uint32_t sample = 0; sample < 4; ++sample) {
      EXPECT_EQ((journal_.advantages.at({1, prompt, sample})),
                prompt == 2 ? 0 : sample - 1.5);
    }
  }
}

// Paper section 2.1: one update per minibatch and inner epoch.
TEST_F(TrainerTest, CountsUpdatesAndReplacesTheReference) {
  config_.mutable_rl()->set_minibatches(4);
  config_.mutable_rl()->set_inner_epochs(2);
  config_.mutable_rl()->set_reference_every(16);
  auto process = Start();
  const TrainingState& state = process->trainer->state();
  const std::string base = HashParams(state.reference->params());
  ASSERT_TRUE(process->trainer->Step().ok());
  EXPECT_EQ(state.optimizer.step, 8);
  EXPECT_EQ(state.optimizer.updates, 8);
  EXPECT_EQ(HashParams(state.reference->params()), base);
  EXPECT_NE(process->Hash(), base);
  ASSERT_TRUE(process->trainer->Step().ok());
  EXPECT_EQ(state.optimizer.step, 16);
  EXPECT_EQ(HashParams(state.reference->params()), process->Hash());
}

TEST_F(TrainerTest, ResultDependsOnNeitherThreadsNorBatchNorOrder) {
  const std::string expected = UndisturbedHash();
  EXPECT_EQ(UndisturbedHash({.threads = 2}), expected);
  EXPECT_EQ(UndisturbedHash({.max_batch = 1}), expected);
  EXPECT_EQ(UndisturbedHash({.threads = 3, .max_batch = 5}), expected);
}

TEST_F(TrainerTest, SeedAndConfigChangeTheResult) {
  const std::string base = UndisturbedHash();
  config_.set_seed(2);
  EXPECT_NE(UndisturbedHash(), base);
  config_.set_seed(1);
  config_.mutable_rl()->set_kl_coef(0);
  EXPECT_NE(UndisturbedHash(), base);
}

TEST_F(TrainerTest, EveryOptionTrains) {
  const std::vector<std::function<void(RlSection*)>> options = {
      [](RlSection* rl) { rl->set_advantage(DR_GRPO); },
      [](RlSection* rl) { rl->set_advantage(RLOO); },
      [](RlSection* rl) { rl->set_advantage(REINFORCE_PP); },
      [](RlSection* rl) { rl->set_objective(CISPO); },
      [](RlSection* rl) { rl->set_ratio_level(SEQUENCE); },
      [](RlSection* rl) { rl->set_aggregation(TOKEN_MEAN); },
      [](RlSection* rl) { rl->set_aggregation(SEQUENCE_SUM_NORM); },
      [](RlSection* rl) { rl->set_entropy_coef(0.01); },
      [](RlSection* rl) { rl->set_inner_epochs(2); },
      [](RlSection* rl) { rl->set_schedule(COSINE); },
      [](RlSection* rl) { rl->set_weight_decay(0.1); },
  };
  // Lengths that differ and a clip that binds, so that each option matters.
  const auto reset = [this] {
    config_ = TinyRun();
    config_.mutable_rl()->set_steps(2);
    config_.mutable_rl()->set_clip_low(0.01);
    config_.mutable_rl()->set_clip_high(0.01);
    config_.mutable_rollout()->set_max_new_tokens(40);
  };
  reset();
  std::set<std::string> hashes = {UndisturbedHash()};
  for (const auto& option : options) {
    reset();
    option(config_.mutable_rl());
    EXPECT_TRUE(hashes.insert(UndisturbedHash()).second)
        << "the option changed nothing: " << config_.rl().ShortDebugString();
  }
}

// With shared kernels the trainer's own log-probs are the rollout's.
TEST_F(TrainerTest, TruncatedImportanceSamplingIsOneOnPolicy) {
  const std::string base = UndisturbedHash();
  config_.mutable_rl()->set_tis_cap(2);
  EXPECT_EQ(UndisturbedHash(), base);
}

TEST_F(TrainerTest, ResumeAtEveryStepEndsWithTheSameHash) {
  ScratchFolder folder;
  CheckpointStore store(folder.path(), 100);
  auto process = Start();
  ASSERT_TRUE(store.Save(process->trainer->state(), tokenizer_).ok());
  for (int step = 0; step < 6; ++step) {
    ASSERT_TRUE(process->trainer->Step().ok());
    ASSERT_TRUE(store.Save(process->trainer->state(), tokenizer_).ok());
  }
  const std::string expected = process->Hash();
  EXPECT_EQ(expected, UndisturbedHash());
  const int samples = journal_.trajectories_recorded;
  for (int from = 0; from < 6; ++from) {
    SCOPED_TRACE(from);
    const auto ops = MakeCpuOps(1);
    auto state = store.Load(from, true, ops.get());
    ASSERT_TRUE(state.ok()) << state.status();
    auto resumed = Start({}, *std::move(state));
    for (int step = from; step < 6; ++step) {
      const auto metrics = resumed->trainer->Step();
      ASSERT_TRUE(metrics.ok()) << metrics.status();
    }
    EXPECT_EQ(resumed->Hash(), expected);
    EXPECT_EQ(journal_.trajectories_recorded, samples) << "nothing made anew";
    EXPECT_EQ(resumed->reward.submitted, 0) << "nothing scored anew";
  }
}

// The process dies after any number of samples, or of rewards, of a step.
TEST_F(TrainerTest, DeathAtAnySampleCountsNothingTwice) {
  config_.mutable_rl()->set_steps(2);
  const std::string expected = UndisturbedHash();
  for (int died_after = 0; died_after <= 16; ++died_after) {
    SCOPED_TRACE(died_after);
    journal_ = MapJournal();
    auto first =
        Start({.patience = {absl::ZeroDuration(), absl::ZeroDuration()}});
    if (died_after % 2 == 0) {
      first->rollout.deliveries_left = died_after;
    } else {
      first->reward.deliveries_left = died_after;
    }
    const bool died = !first->trainer->Step().ok();
    EXPECT_EQ(died, died_after != 16);
    const int recorded = journal_.trajectories_recorded;
    auto second = Start();
    ASSERT_TRUE(second->trainer->Step().ok());
    EXPECT_EQ(journal_.trajectories_recorded, 16);
    EXPECT_GE(recorded, died_after);
    ASSERT_TRUE(second->trainer->Step().ok());
    EXPECT_EQ(second->Hash(), expected);
  }
}

TEST_F(TrainerTest, NanIsNeverAppliedAndStopsAfterThree) {
  config_.mutable_rl()->set_minibatches(1);
  auto process = Start();
  ASSERT_TRUE(process->trainer->Step().ok());
  const std::string before = process->Hash();
  process->ops.is_poisoned = true;
  const auto second = process->trainer->Step();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(MetricOf(*second, "updates/skipped"), 1);
  EXPECT_EQ(process->Hash(), before);
  ASSERT_TRUE(process->trainer->Step().ok());
  const auto stopped = process->trainer->Step();
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(process->Hash(), before);
  ASSERT_EQ(journal_.events.size(), 3);
  const auto& [step, kind, message] = journal_.events.front();
  EXPECT_EQ(step, 2);
  EXPECT_EQ(kind, "update-skipped");
  EXPECT_THAT(message, HasSubstr("gradient norm is nan"));
  EXPECT_THAT(message, HasSubstr("prompts 4 5 6 7"));
}

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

TEST_F(TrainerTest, DynamicSamplingDrawsUntilGroupsAreInformative) {
  config_.mutable_rl()->set_dynamic_sampling(3);
  // Even prompts have equal rewards.
  auto process = Start({.score = [](const RewardItem& item) {
    const auto [prompt, sample] = KeyOf(item);
    return ScoreOf(prompt % 2 == 0 ? 1 : sample % 2);
  }});
  const auto metrics = process->trainer->Step();
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  // Rounds draw 4, 2, 1 and 1 prompts: 0-3, 4-5, 6, 7.
  EXPECT_EQ(process->trainer->state().next_index, 8);
  EXPECT_EQ(journal_.samples.size(), 8 * 4);
  EXPECT_EQ(MetricOf(*metrics, "advantage/zero_groups"), 0.5);
  int64_t tokens = 0;
  for (const auto& [key, record] : journal_.samples) {
    if (std::get<1>(key) % 2 == 0) continue;
    tokens += record.trajectory.tokens_size() + record.prompt.token_ids_size();
  }
  EXPECT_EQ(MetricOf(*metrics, "tokens/trained"), tokens);
}

TEST_F(TrainerTest, DynamicSamplingResumesInAnyRound) {
  config_.mutable_rl()->set_dynamic_sampling(3);
  config_.mutable_rl()->set_steps(2);
  const auto score = [](const RewardItem& item) {
    const auto [prompt, sample] = KeyOf(item);
    return ScoreOf(prompt % 2 == 0 ? 1 : sample % 2);
  };
  const std::string expected = UndisturbedHash({.score = score});
  for (int died_after : {3, 17, 23, 25, 31}) {
    journal_ = MapJournal();
    auto first = Start({.score = score});
    first->rollout.deliveries_left = died_after;
    ASSERT_FALSE(first->trainer->Step().ok());
    auto second = Start({.score = score});
    ASSERT_TRUE(second->trainer->Step().ok());
    ASSERT_TRUE(second->trainer->Step().ok());
    EXPECT_EQ(second->Hash(), expected);
  }
}

TEST_F(TrainerTest, NothingToLearnFromChangesNothing) {
  auto process = Start({.score = [](const RewardItem&) {
    RewardResult result;
    result.set_kind(REWARD_ABSTAIN);
    return result;
  }});
  const std::string before = process->Hash();
  const auto metrics = process->trainer->Step();
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(process->Hash(), before);
  EXPECT_EQ(MetricOf(*metrics, "reward/abstains"), 16);
  EXPECT_EQ(MetricOf(*metrics, "samples"), 16);
  EXPECT_EQ(MetricOf(*metrics, "tokens/trained"), 0);
  EXPECT_EQ(process->trainer->state().optimizer.updates, 2);
  EXPECT_EQ(process->trainer->state().optimizer.step, 0);
  EXPECT_TRUE(journal_.advantages.empty());
}

// What an unscored sample contains cannot matter.
TEST_F(TrainerTest, SampleWithoutAScoreHasNoInfluence) {
  config_.mutable_reward()->set_max_error_share(1);
  const auto score = [](const RewardItem& item) {
    if (KeyOf(item).second != 1) return ShareOfEvenBytes(item);
    RewardResult result;
    result.set_kind(KeyOf(item).first % 2 ? REWARD_ERROR : REWARD_TIMEOUT);
    return result;
  };
  auto process = Start({.score = score});
  ASSERT_TRUE(process->trainer->Step().ok());
  MapJournal other_journal;
  Process other(config_, &other_journal, &tokenizer_, {.score = score});
  other.rollout.tamper = [](Trajectory* t) {
    if (t->sample_index() != 1) return;
    for (int i = 0; i < t->tokens_size(); ++i) {
      t->set_tokens(i, 1 + t->tokens(i) % 256);
      t->set_logprobs(i, -1);
    }
  };
  ASSERT_TRUE(other.trainer->Step().ok());
  EXPECT_EQ(other.Hash(), process->Hash());
  EXPECT_EQ(journal_.advantages.size(), 12);
}

TEST_F(TrainerTest, ProgressCoversThePhases) {
  std::vector<StepProgress> seen;
  auto process =
      Start({.on_progress = [&](const StepProgress& p) { seen.push_back(p); }});
  ASSERT_TRUE(process->trainer->Step().ok());
  ASSERT_GE(seen.size(), 2);
  EXPECT_EQ(seen.front().phase, StepPhase::kRollout);
  EXPECT_EQ(seen.front().step, 1);
  EXPECT_EQ(seen.front().samples_total, 16);
  EXPECT_EQ(seen.back().phase, StepPhase::kTrain);
  EXPECT_GT(seen.back().tokens_to_train, 0);
  EXPECT_GT(seen.back().tokens_trained, 0);
}

}  // namespace
}  // namespace r1
