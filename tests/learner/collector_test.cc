#include "learner/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "absl/time/time.h"
#include "base/log.h"
#include "proto/answer_length.h"
#include "tests/learner/fakes.h"

namespace r1 {
namespace {

using testing::HasSubstr;

// A clock that the waits below move.
struct TestClock {
  absl::Time now = absl::UnixEpoch();
};

// Answers every sample at once with two fixed tokens; where there is none it
// waits until the deadline.
class InstantRollout : public RolloutSource {
 public:
  explicit InstantRollout(TestClock* clock) : clock_(clock) {}

  absl::Status Publish(const WeightsId&,
                       std::shared_ptr<const PolicyWeights>) override {
    return absl::OkStatus();
  }
  void Withdraw() override {}
  void Enqueue(RolloutWork work) override {
    for (uint32_t sample : work.sample_indices) {
      Trajectory t;
      t.set_prompt_id(work.prompt.id());
      t.set_sample_index(sample);
      t.set_policy_version(7);
      t.set_finish_reason(sample == 0 ? FINISH_LENGTH : FINISH_END_TOKEN);
      for (int token : {1 + 'o', 1 + 'k'}) {
        t.add_tokens(token);
        t.add_logprobs(-1);
      }
      if (tamper) tamper(&t);
      queue.push_back(std::move(t));
      enqueued.push_back(work);
    }
  }
  absl::StatusOr<Trajectory> Next(absl::Time deadline) override {
    if (!fault.ok()) return fault;
    if (stand_still > absl::ZeroDuration()) {
      clock_->now += std::exchange(stand_still, absl::ZeroDuration());
      return absl::DeadlineExceededError("it is late");
    }
    if (queue.empty()) {
      clock_->now = deadline;
      ++waits;
      return absl::DeadlineExceededError("worker seven is silent");
    }
    Trajectory t = queue.back();
    queue.pop_back();
    return t;
  }
  std::vector<WorkerStatus> Workers() const override {
    WorkerStatus worker;
    worker.tokens_generated = waits < busy_waits ? waits : busy_waits;
    return {worker};
  }

  void Quarantine(const std::string&, const std::string&) override {}

  std::function<void(Trajectory*)> tamper;
  std::vector<Trajectory> queue;
  std::vector<RolloutWork> enqueued;
  absl::Status fault;
  int64_t waits = 0, busy_waits = 0;
  absl::Duration stand_still;  // in the next wait

 private:
  TestClock* const clock_;
};

class CollectorTest : public testing::Test {
 protected:
  CollectorTest()
      : tokenizer_(*TrainTokenizer({}, 257, true)),
        prompts_(&tokenizer_),
        rollout_(&clock_),
        reward_([this](const RewardItem& item) {
          items_.push_back(item);
          return score_(item);
        }),
        progress_(nullptr) {
    config_.mutable_rl()->set_prompts(2);
    config_.mutable_rl()->set_group_size(2);
    config_.mutable_rl()->set_dynamic_sampling(0);
    config_.set_seed(99);
    reward_.wait_until = [this](absl::Time time) { clock_.now = time; };
  }
  absl::StatusOr<Collection> Collect(uint64_t next_index = 10) {
    SampleCollector collector(
        config_, model_,
        {&prompts_, &rollout_, &reward_, &journal_, &tokenizer_}, patience_,
        &progress_);
    return collector.Collect(3, 7, next_index);
  }
  void ExpectError(absl::StatusCode code, const char* text) {
    const auto result = Collect();
    EXPECT_EQ(result.status().code(), code) << result.status();
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(text));
  }

  Patience PatienceOf(absl::Duration before_warning,
                      absl::Duration before_giving_up) {
    return {before_warning, before_giving_up, [this] { return clock_.now; }};
  }

  TestClock clock_;
  StageConfig config_;
  ModelConfig model_ = TinyModel();
  Tokenizer tokenizer_;
  CountingPrompts prompts_;
  InstantRollout rollout_;
  LambdaReward::Score score_ = [](const RewardItem&) { return ScoreOf(1); };
  std::vector<RewardItem> items_;
  LambdaReward reward_;
  MapJournal journal_;
  Patience patience_;
  ProgressReporter progress_;
};

TEST_F(CollectorTest, GathersGroupsInOrderAndRecordsThem) {
  score_ = [](const RewardItem& item) { return ScoreOf(KeyOf(item).second); };
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  EXPECT_EQ(collection->next_index, 12);
  EXPECT_EQ(collection->fresh_tokens, 8);
  ASSERT_EQ(collection->groups.size(), 2);
  for (int g = 0; g < 2; ++g) {
    const SampleGroup& group = collection->groups[g];
    EXPECT_EQ(group.prompt.id(), 10 + g);
    EXPECT_EQ(group.rewards(), (RewardGroup{0.0, 1.0}));
    EXPECT_EQ(group.samples[1].completion, "ok");
    EXPECT_EQ(group.samples[1].trajectory.sample_index(), 1);
  }
  EXPECT_EQ(journal_.samples.size(), 4);
  EXPECT_TRUE(journal_.samples.at({3, 11, 1}).reward.has_value());
  // The step that trains on them flushes, once, when it is done.
  EXPECT_EQ(journal_.flushes, 0);
}

// Step 3 of the test; the schedule is a function of the step alone.
TEST_F(CollectorTest, AnswersGrowLongerByTheStep) {
  RolloutSection& rollout = *config_.mutable_rollout();
  rollout.set_max_new_tokens(20);
  const auto add = [&](int from_step, int tokens) {
    LongerAnswers* longer = rollout.add_longer();
    longer->set_from_step(from_step);
    longer->set_max_new_tokens(tokens);
  };
  add(4, 50);
  ASSERT_TRUE(Collect().ok());
  EXPECT_EQ(rollout_.enqueued.back().sampling.max_new_tokens(), 20);
  EXPECT_EQ(reward_.lengths.back(), 20);
  rollout.clear_longer();
  add(2, 30);
  add(3, 40);
  add(4, 50);
  journal_ = MapJournal();
  ASSERT_TRUE(Collect().ok());
  EXPECT_EQ(rollout_.enqueued.back().sampling.max_new_tokens(), 40);
  EXPECT_EQ(reward_.lengths.back(), 40);
  EXPECT_EQ(reward_.steps.back(), 3);
  EXPECT_EQ(MaxNewTokensAt(rollout, 0), 20);
  EXPECT_EQ(MaxNewTokensAt(rollout, 1000), 50);
  EXPECT_EQ(MostNewTokens(rollout), 50);
}

TEST_F(CollectorTest, AsksForTheFullSoftmaxAtTheConfiguredTemperature) {
  config_.mutable_rollout()->set_temperature(0.75);
  config_.mutable_rollout()->set_max_new_tokens(33);
  config_.mutable_rollout()->add_stop("END");
  ASSERT_TRUE(Collect().ok());
  const RolloutWork& work = rollout_.enqueued[0];
  EXPECT_EQ(work.seed, 99);
  EXPECT_EQ(work.sampling.temperature(), 0.75f);
  EXPECT_EQ(work.sampling.top_p(), 1);
  EXPECT_EQ(work.sampling.max_new_tokens(), 33);
  EXPECT_EQ(work.sampling.stop(0), "END");
}

TEST_F(CollectorTest, RewardSeesTextReferenceAndTruncation) {
  ASSERT_TRUE(Collect().ok());
  for (const RewardItem& item : items_) {
    EXPECT_EQ(item.prompt(), absl::StrCat("#", KeyOf(item).first, "?"));
    EXPECT_EQ(item.completion(), "ok");
    EXPECT_EQ(item.reference(), "{}");
    EXPECT_EQ(item.completion_tokens(), 2);
    EXPECT_EQ(item.is_truncated(), KeyOf(item).second == 0);
  }
}

TEST_F(CollectorTest, AnswersBeginWithThePromptsPrefixAndAreUtf8) {
  prompts_.answer_prefix = "<think>\n";
  rollout_.tamper = [](Trajectory* t) {
    if (t->sample_index() == 1) t->set_tokens(0, 1 + 0xE2);  // cut short
  };
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  const std::string texts[] = {"<think>\nok", "<think>\n\xEF\xBF\xBDk"};
  ASSERT_EQ(items_.size(), 4);
  for (const RewardItem& item : items_) {
    const auto [prompt, sample] = KeyOf(item);
    EXPECT_EQ(item.completion(), texts[sample]);
    EXPECT_EQ(item.completion_tokens(), 2);
    EXPECT_EQ(journal_.samples.at({3, prompt, sample}).completion,
              texts[sample]);
    EXPECT_EQ(collection->groups[prompt - 10].samples[sample].completion,
              texts[sample]);
  }
  // A resumed step takes the recorded text as it is.
  const auto again = Collect();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->groups[0].samples[0].completion, texts[0]);
}

// With rules that compare samples, a prompt's samples are submitted in one call
// once all are there.
TEST_F(CollectorTest, GroupsAreScoredTogether) {
  reward_.compares = true;
  config_.mutable_rl()->set_group_size(3);
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  EXPECT_THAT(reward_.group_sizes, testing::ElementsAre(3, 3));
  for (const RewardItem& item : items_) {
    EXPECT_EQ(item.group(), absl::StrCat(KeyOf(item).first));
  }
  EXPECT_EQ(journal_.samples.size(), 6);
}

// A run that was killed between the rewards of a group scores the whole group
// again, and records only what was missing.
TEST_F(CollectorTest, AGroupThatWasScoredInPartIsScoredAsAWhole) {
  reward_.compares = true;
  ASSERT_TRUE(Collect().ok());
  journal_.samples.at({3, 10, 0}).reward.reset();
  items_.clear();
  reward_.group_sizes.clear();
  score_ = [](const RewardItem& item) {
    return ScoreOf(KeyOf(item).second == 0 ? 5 : -1);
  };
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  EXPECT_THAT(reward_.group_sizes, testing::ElementsAre(2));
  EXPECT_EQ(collection->groups[0].rewards(), (RewardGroup{5.0, 1.0}));
  EXPECT_EQ(journal_.samples.at({3, 10, 0}).reward->total(), 5);
  // Both recorded: nothing is asked for.
  items_.clear();
  ASSERT_TRUE(Collect().ok());
  EXPECT_TRUE(items_.empty());
}

// A run that is asked to stop while it waits has recorded what came, and goes
// on with that.
TEST_F(CollectorTest, AStoppedWaitKeepsWhatCame) {
  int asked = 0;
  patience_.should_stop = [&asked] { return ++asked > 2; };
  ExpectError(absl::StatusCode::kCancelled, "step 3: stopped while waiting");
  EXPECT_EQ(journal_.samples.size(), 2);  // one each time it was not asked to
  patience_.should_stop = nullptr;
  rollout_.queue.clear();
  rollout_.enqueued.clear();
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  EXPECT_EQ(rollout_.enqueued.size(), 2);  // of four samples
  EXPECT_EQ(journal_.samples.size(), 4);
}

TEST_F(CollectorTest, SilenceIsUnavailableAndSaysWho) {
  patience_ = PatienceOf(absl::Seconds(30), absl::Minutes(10));
  std::vector<std::string> lines;
  SetLogSink([&](const std::string& line) { lines.push_back(line); });
  rollout_.tamper = [this](Trajectory*) { rollout_.queue.clear(); };
  ExpectError(absl::StatusCode::kUnavailable, "worker seven is silent");
  SetLogSink(nullptr);
  // Warned every 30 s of the ten minutes, then gave up.
  ASSERT_EQ(lines.size(), 20);
  EXPECT_THAT(lines[0], HasSubstr("nothing for 30s; worker seven is silent"));
  EXPECT_THAT(lines[19], HasSubstr("nothing for 10m; worker seven is silent"));
}

TEST_F(CollectorTest, SilentRewardIsUnavailable) {
  patience_ = PatienceOf(absl::Seconds(30), absl::Minutes(10));
  reward_.deliveries_left = 3;
  ExpectError(absl::StatusCode::kUnavailable, "the reward is silent");
}

// As when the machine has slept: the wait it interrupted counts until its own
// deadline, 100 ms, and the run goes on.
TEST_F(CollectorTest, StandingStillIsNotWaiting) {
  patience_ = PatienceOf(absl::Hours(1), absl::Seconds(1));
  rollout_.stand_still = absl::Hours(2);
  const auto collection = Collect();
  EXPECT_TRUE(collection.ok()) << collection.status();
}

TEST_F(CollectorTest, TokensOfAWorkerAreProgress) {
  // Nothing arrives for 100,000 waits of 100 ms, but the worker generates; then
  // it is silent. Patience counts from its last token.
  patience_ = PatienceOf(absl::Hours(1), absl::Minutes(10));
  rollout_.tamper = [this](Trajectory*) { rollout_.queue.clear(); };
  rollout_.busy_waits = 100000;
  EXPECT_EQ(Collect().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(rollout_.waits, 100000 + 6001);
}

TEST_F(CollectorTest, FinalErrorsOfPeersPassThrough) {
  rollout_.fault = absl::InternalError("the model produced NaN");
  ExpectError(absl::StatusCode::kInternal, "the model produced NaN");
}

TEST_F(CollectorTest, TooManyErrorsStopTheRunAndLeaveNothingBehind) {
  config_.mutable_reward()->set_max_error_share(0.25);
  score_ = [](const RewardItem& item) {
    RewardResult result = ScoreOf(1);
    if (KeyOf(item).second == 1) {
      result.set_kind(REWARD_ERROR);
      result.set_detail("the verifier is missing");
    }
    return result;
  };
  ExpectError(absl::StatusCode::kFailedPrecondition, "2 of 4");
  EXPECT_FALSE(journal_.samples.at({3, 10, 1}).reward.has_value());
  EXPECT_TRUE(journal_.samples.at({3, 10, 0}).reward.has_value());
  // With the verifier back, only the failed ones are scored anew.
  items_.clear();
  score_ = [](const RewardItem&) { return ScoreOf(1); };
  ASSERT_TRUE(Collect().ok());
  EXPECT_EQ(items_.size(), 2);
}

TEST_F(CollectorTest, ToleratedErrorsAreRecorded) {
  config_.mutable_reward()->set_max_error_share(0.5);
  score_ = [](const RewardItem& item) {
    RewardResult result = ScoreOf(1);
    if (KeyOf(item).second == 1) result.set_kind(REWARD_TIMEOUT);
    return result;
  };
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  EXPECT_EQ(collection->groups[0].rewards(), (RewardGroup{1.0, std::nullopt}));
  EXPECT_EQ(journal_.samples.at({3, 10, 1}).reward->kind(), REWARD_TIMEOUT);
}

// Prompt 10 fails once, so that a further round draws prompt 12; in it the
// process dies. Going on, the run must draw the same prompts, though the reward
// would not fail again.
TEST_F(CollectorTest, ToleratedErrorsStandBeforeDynamicSamplingGoesOn) {
  config_.mutable_reward()->set_max_error_share(0.25);
  config_.mutable_rl()->set_dynamic_sampling(2);
  patience_ = PatienceOf(absl::ZeroDuration(), absl::ZeroDuration());
  bool has_failed = false;
  score_ = [&](const RewardItem& item) {
    RewardResult result = ScoreOf(KeyOf(item).second);
    if (item.id() != "10/1" || has_failed) return result;
    has_failed = true;
    result.set_kind(REWARD_TIMEOUT);
    return result;
  };
  reward_.deliveries_left = 5;
  ExpectError(absl::StatusCode::kUnavailable, "the reward is silent");
  EXPECT_EQ(journal_.samples.size(), 6);

  reward_ =
      LambdaReward([this](const RewardItem& item) { return score_(item); });
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  ASSERT_EQ(collection->groups.size(), 3);
  EXPECT_EQ(collection->groups[0].rewards(), (RewardGroup{0.0, std::nullopt}));
  EXPECT_EQ(collection->groups[2].rewards(), (RewardGroup{0.0, 1.0}));
}

TEST_F(CollectorTest, ABrokenRewardStopsDynamicSamplingInItsFirstRound) {
  config_.mutable_rl()->set_dynamic_sampling(3);
  score_ = [](const RewardItem&) {
    RewardResult result;
    result.set_kind(REWARD_ERROR);
    return result;
  };
  ExpectError(absl::StatusCode::kFailedPrecondition, "4 of 4");
  // Repaired, the run goes on with what it has.
  score_ = [](const RewardItem& item) { return ScoreOf(KeyOf(item).second); };
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  EXPECT_EQ(collection->groups.size(), 2);
}

TEST_F(CollectorTest, RulesThatJudgeNothingStopTheRun) {
  config_.mutable_rl()->set_prompts(8);
  uint64_t judged = 17;  // the last of the step's prompts, 10 to 17
  score_ = [&](const RewardItem& item) {
    RewardResult result = ScoreOf(1);
    if (KeyOf(item).first == judged) return result;
    result.set_kind(REWARD_ABSTAIN);
    result.set_detail("no \"answer\"");
    return result;
  };
  EXPECT_TRUE(Collect().ok());
  journal_ = MapJournal();
  judged = 0;
  ExpectError(
      absl::StatusCode::kFailedPrecondition,
      "all 16 results are abstentions; e.g. sample 10/0: no \"answer\"");
  // Few prompts may all be unusable by chance.
  journal_ = MapJournal();
  config_.mutable_rl()->set_prompts(7);
  EXPECT_TRUE(Collect().ok());
}

TEST_F(CollectorTest, ScoreThatIsNotFiniteIsAnError) {
  config_.mutable_reward()->set_max_error_share(1);
  score_ = [](const RewardItem&) {
    return ScoreOf(std::numeric_limits<double>::infinity());
  };
  const auto collection = Collect();
  ASSERT_TRUE(collection.ok()) << collection.status();
  const RewardResult& reward = collection->groups[0].samples[0].reward;
  EXPECT_EQ(reward.kind(), REWARD_ERROR);
  EXPECT_THAT(reward.detail(), HasSubstr("inf"));
}

TEST_F(CollectorTest, MalformedTrajectoriesAreNamed) {
  rollout_.tamper = [](Trajectory* t) { t->add_tokens(1); };
  ExpectError(absl::StatusCode::kInvalidArgument, "3 tokens and 2 log-probs");
  journal_ = MapJournal();
  rollout_.tamper = [](Trajectory* t) { t->set_tokens(1, 257); };
  ExpectError(absl::StatusCode::kInvalidArgument, "outside the vocabulary");
  journal_ = MapJournal();
  rollout_.tamper = [](Trajectory* t) { t->set_logprobs(1, std::nanf("")); };
  ExpectError(absl::StatusCode::kInvalidArgument, "log-prob nan at 1");
  journal_ = MapJournal();
  rollout_.tamper = [](Trajectory* t) { t->set_policy_version(6); };
  ExpectError(absl::StatusCode::kFailedPrecondition,
              "policy version 6, expected 7");
}

TEST_F(CollectorTest, SampleThatNobodyAskedForIsRefused) {
  rollout_.tamper = [](Trajectory* t) { t->set_sample_index(5); };
  ExpectError(absl::StatusCode::kInternal, "nobody waits for it");
}

TEST_F(CollectorTest, JournalOfAnotherConfigurationIsRefused) {
  ASSERT_TRUE(Collect(10).ok());
  const auto result = Collect(20);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("10/0"));
}

TEST_F(CollectorTest, ChangedPromptIsRefused) {
  ASSERT_TRUE(Collect().ok());
  journal_.samples.at({3, 10, 0}).prompt.add_token_ids(1);
  ExpectError(absl::StatusCode::kFailedPrecondition, "prompt 10");
}

}  // namespace
}  // namespace r1
