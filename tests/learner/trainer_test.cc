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

#include "learner/checkpoint_store.h"
#include "tests/learner/trainer_testing.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using testing::HasSubstr;

TEST_F(TrainerTest, RewardRisesOnATrivialTask) {
  config_.mutable_rl()->set_prompts(8);
  config_.mutable_rl()->set_group_size(8);
  auto process = Start();
  double first = 0, last = 0;
  for (int step = 0; step < 80; ++step) {
    const auto metrics = process->trainer->Step();
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(MetricOf(*metrics, "max_logprob_mismatch"), 0.0);
    last = MetricOf(*metrics, "reward/mean");
    if (step == 0) first = last;
  }
  // Of 8 random bytes, 4 are no UTF-8: three odd bytes each, U+FFFD. Of the
  // other 4, 2 are even: 2 of 16. 64 samples: standard error below 0.02.
  EXPECT_NEAR(first, 0.125, 0.1);
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
    (*result.mutable_metrics())["even/words"] = KeyOf(item).second;
    if (KeyOf(item).second < 2) result.add_not_applicable("code");
    if (KeyOf(item).second < 1) result.add_not_applicable("language");
    return result;
  }});
  const auto metrics = process->trainer->Step();
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(journal_.metrics.at(1), *metrics);
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
  EXPECT_EQ(value("reward/not_applicable"), 8);
  EXPECT_EQ(value("reward/not_applicable/code"), 8);
  EXPECT_EQ(value("reward/not_applicable/language"), 4);
  EXPECT_EQ(value("reward/metric/even/words"), 1.5);
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
  const std::shared_ptr<const PolicyWeights> base = state.reference;
  const std::string first = process->Hash();
  ASSERT_TRUE(process->trainer->Step().ok());
  EXPECT_EQ(state.optimizer.step, 8);
  EXPECT_EQ(state.optimizer.updates, 8);
  EXPECT_EQ(state.reference, base);
  EXPECT_NE(state.weights, base);
  EXPECT_NE(process->Hash(), first);
  ASSERT_TRUE(process->trainer->Step().ok());
  EXPECT_EQ(state.optimizer.step, 16);
  EXPECT_EQ(state.reference, state.weights);
}

// Sampler, reference and trainer compute with the same rounded weights, and the
// master keeps what is too small for them.
TEST_F(TrainerTest, WithWeightsInBf16TheSamplersBitsAreTheTrainers) {
  ModelConfig model = TinyModel();
  model.weights_dtype = DType::kBF16;
  const auto run = [&](int threads) {
    const std::unique_ptr<Ops> ops = MakeCpuOps(1);
    MapJournal journal;
    Process process(config_, &journal, &tokenizer_, {.threads = threads},
                    StartTraining(model, TinyParams(1), true, ops.get()));
    for (int i = 0; i < 2; ++i) {
      const auto metrics = process.trainer->Step();
      EXPECT_TRUE(metrics.ok()) << metrics.status();
      EXPECT_EQ(MetricOf(*metrics, "max_logprob_mismatch"), 0);
    }
    const TrainingState& state = process.trainer->state();
    int64_t between = 0;
    for (float x : Flat(state.params)) between += x != FromBf16(ToBf16(x));
    EXPECT_GT(between, Flat(state.params).size() / 2);
    return process.Hash();
  };
  const std::string hash = run(1);
  EXPECT_EQ(run(3), hash);
}

TEST_F(TrainerTest, ResultDependsOnNeitherThreadsNorBatchNorOrder) {
  const std::string expected = UndisturbedHash();
  EXPECT_EQ(UndisturbedHash({.threads = 2}), expected);
  EXPECT_EQ(UndisturbedHash({.max_batch = 1}), expected);
  EXPECT_EQ(UndisturbedHash({.threads = 3, .max_batch = 5}), expected);
  // Groups of 4 x 7 rows and a prompt, cut or together.
  for (int microbatch_tokens : {12, 24, 1 << 20}) {
    config_.mutable_rl()->set_microbatch_tokens(microbatch_tokens);
    EXPECT_EQ(UndisturbedHash(), expected) << microbatch_tokens;
  }
  // Then the first update of a step takes no log-probs for granted.
  config_.mutable_rl()->set_max_mismatch(1);
  EXPECT_EQ(UndisturbedHash(), expected);
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
