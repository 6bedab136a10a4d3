// A learner in a test: everything of its process, on a tiny model.
#ifndef R1_TESTS_LEARNER_TRAINER_TESTING_H_
#define R1_TESTS_LEARNER_TRAINER_TESTING_H_

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kernels/cpu/cpu_ops.h"
#include "kernels/matrix.h"
#include "learner/trainer.h"
#include "tests/learner/fakes.h"

namespace r1 {

// Puts NaN into the gradient while `is_poisoned`.
class PoisonableOps : public cpu::CpuOps {
 public:
  using cpu::CpuOps::CpuOps;
  void LogprobBackward(Tensor h, const Linear& head, Tensor targets,
                       float inv_temperature, Tensor dlogprob, Tensor dentropy,
                       Tensor dh, Tensor dhead, Tensor logprob,
                       Tensor entropy) override {
    cpu::CpuOps::LogprobBackward(h, head, targets, inv_temperature, dlogprob,
                                 dentropy, dh, dhead, logprob, entropy);
    if (is_poisoned) Mat(dh).data[0] = std::numeric_limits<float>::quiet_NaN();
  }
  bool is_poisoned = false;
};

inline StageConfig TinyRun() {
  StageConfig config;
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
    Communicator* ranks = nullptr;
  };

  Process(const StageConfig& config, MapJournal* journal, const Tokenizer* tok,
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
        TrainerOptions{{{"even", /*right_from=*/2}},
                       options.patience,
                       options.on_progress,
                       options.ranks});
  }
  std::string Hash() const { return HashParams(trainer->state().params); }

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

  StageConfig config_ = TinyRun();
  Tokenizer tokenizer_;
  MapJournal journal_;
};

}  // namespace r1

#endif  // R1_TESTS_LEARNER_TRAINER_TESTING_H_
