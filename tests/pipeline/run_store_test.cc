#include "pipeline/store/run_store.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/store/run_reader.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Prompt MakePrompt(uint64_t id) {
  Prompt prompt;
  prompt.set_id(id);
  prompt.set_source(absl::StrCat("countdown-train-", id));
  prompt.set_question("Make 24 from 3 5 9.");
  prompt.set_reference(R"({"nums":[3,5,9],"target":24})");
  for (int i = 0; i < 5; ++i) prompt.add_token_ids(i * 7);
  return prompt;
}

Trajectory MakeTrajectory(uint64_t prompt_id, uint32_t index) {
  Trajectory trajectory;
  trajectory.set_prompt_id(prompt_id);
  trajectory.set_sample_index(index);
  trajectory.set_policy_version(3);
  trajectory.set_finish_reason(FINISH_STOP_STRING);
  trajectory.set_worker(absl::StrCat("node", index, "/77"));
  for (int i = 0; i < 4; ++i) {
    trajectory.add_tokens(static_cast<int32_t>(prompt_id * 10 + index + i));
    trajectory.add_logprobs(-0.1f * (i + 1) / 3);
  }
  return trajectory;
}

RewardResult MakeReward(double total) {
  RewardResult reward;
  reward.set_kind(REWARD_SCORE);
  reward.set_total(total);
  reward.set_raw_total(total / 3);
  for (const auto& [name, value] :
       {std::pair("zeta", 0.1), std::pair("alpha", 1 / 3.0)}) {
    RewardComponent* component = reward.add_components();
    component->set_name(name);
    component->set_value(value);
  }
  reward.set_detail("used 3 twice");
  (*reward.mutable_versions())["zeta"] = "1.0+\"x\"";
  reward.add_not_applicable("omega");
  reward.add_not_applicable("beta");
  (*reward.mutable_metrics())["zeta/words"] = 1 / 3.0;
  (*reward.mutable_extracted())["alpha"] = "{\"4\xC3\xA9";
  return reward;
}

class RunStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<RunStore> Open() {
    auto store = RunStore::Open(path());
    EXPECT_TRUE(store.ok()) << store.status();
    return std::move(store).value();
  }
  RunReader Reader() {
    auto reader = RunReader::Open(folder_.path());
    EXPECT_TRUE(reader.ok()) << reader.status();
    return std::move(reader).value();
  }
  std::string path() const { return folder_.path() + "/run.db"; }

  TestFolder folder_;
};

TEST_F(RunStoreTest, WhatWasRecordedComesBackBitForBit) {
  const std::string completion("a\0b\xff<think>", 11);
  {
    const auto store = Open();
    ASSERT_TRUE(store
                    ->RecordTrajectory(2, MakePrompt(9), MakeTrajectory(9, 1),
                                       completion)
                    .ok());
    ASSERT_TRUE(store->RecordReward(2, 9, 1, MakeReward(0.1 + 0.2)).ok());
    ASSERT_TRUE(
        store->RecordTrajectory(2, MakePrompt(4), MakeTrajectory(4, 0), "x")
            .ok());
  }
  const auto store = Open();  // another process, as far as it knows
  const auto samples = store->LoadSamples(2);
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_THAT(*samples, SizeIs(2));
  EXPECT_EQ((*samples)[0].trajectory.prompt_id(), 4u);  // by prompt id
  EXPECT_FALSE((*samples)[0].reward.has_value());
  const SampleRecord& sample = (*samples)[1];
  EXPECT_EQ(sample.trajectory.SerializeAsString(),
            MakeTrajectory(9, 1).SerializeAsString());
  EXPECT_EQ(sample.prompt.SerializeAsString(),
            MakePrompt(9).SerializeAsString());
  // The first byte is cut off a character; TEXT holds only whole ones.
  EXPECT_EQ(sample.completion, std::string("a\0b\xEF\xBF\xBD<think>", 13));
  ASSERT_TRUE(sample.reward.has_value());
  EXPECT_EQ(sample.reward->SerializeAsString(),
            MakeReward(0.1 + 0.2).SerializeAsString());
  EXPECT_TRUE(store->LoadSamples(1)->empty());
}

// A completion that ran out of tokens inside a character, and whatever else
// a model may write: every program can read the database.
TEST_F(RunStoreTest, EveryTextIsUtf8WhateverAModelWrites) {
  const std::string replacement = "\xEF\xBF\xBD";
  const std::pair<std::string, std::string> cases[] = {
      {"caf\xC3", "caf" + replacement},
      {"\xE2\x82", replacement + replacement},
      {"\xF0\x9F\x98", replacement + replacement + replacement},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"\xED\xA0\x80!", replacement + replacement + replacement + "!"},
      {"\xC0\xAF", replacement + replacement},
      {"", ""}};
  {
    const auto store = Open();
    std::vector<EvalSample> answers;
    for (uint64_t i = 0; i < std::size(cases); ++i) {
      ASSERT_TRUE(store
                      ->RecordTrajectory(1, MakePrompt(i), MakeTrajectory(i, 0),
                                         cases[i].first)
                      .ok());
      EvalSample& answer = answers.emplace_back();
      answer.prompt_id = i;
      answer.question = answer.completion = cases[i].first;
    }
    ASSERT_TRUE(store->RecordEval(1, {}, answers).ok());
    ASSERT_TRUE(store->RecordEvent(1, "kind", cases[0].first).ok());
    ASSERT_TRUE(store->Flush().ok());
  }
  const RunReader reader = Reader();
  const auto answers = reader.EvalSamples(1, -1);
  const auto samples = reader.Samples({});
  ASSERT_THAT(*answers, SizeIs(std::size(cases)));
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ((*answers)[i].completion, cases[i].second);
    EXPECT_EQ((*answers)[i].question, cases[i].second);
    EXPECT_EQ((*samples)[i].record.completion, cases[i].second);
  }
  const auto events = reader.Events();
  EXPECT_EQ((*events)[0].message, cases[0].second);
}

TEST_F(RunStoreTest, WhatIsDroppedMayBeRecordedAgain) {
  const auto store = Open();
  for (uint32_t sample : {0, 1}) {
    ASSERT_TRUE(store
                    ->RecordTrajectory(1, MakePrompt(5),
                                       MakeTrajectory(5, sample), "bad")
                    .ok());
    ASSERT_TRUE(store->RecordReward(1, 5, sample, MakeReward(1)).ok());
    ASSERT_TRUE(store->RecordAdvantage(1, 5, sample, 0.5).ok());
  }
  ASSERT_TRUE(store->DropSample(1, 5, 0).ok());
  ASSERT_TRUE(store->DropReward(1, 5, 1).ok());
  ASSERT_TRUE(store->DropSample(1, 99, 0).ok());  // of none
  auto samples = store->LoadSamples(1);
  ASSERT_THAT(*samples, SizeIs(1));
  EXPECT_EQ((*samples)[0].trajectory.sample_index(), 1u);
  EXPECT_FALSE((*samples)[0].reward.has_value());
  EXPECT_FALSE((*Reader().Samples({}))[0].advantage.has_value());
  Trajectory right = MakeTrajectory(5, 0);
  right.set_worker("another");
  ASSERT_TRUE(store->RecordTrajectory(1, MakePrompt(5), right, "good").ok());
  ASSERT_TRUE(store->RecordReward(1, 5, 0, MakeReward(0)).ok());
  ASSERT_TRUE(store->RecordReward(1, 5, 1, MakeReward(0)).ok());
  samples = store->LoadSamples(1);
  ASSERT_THAT(*samples, SizeIs(2));
  EXPECT_EQ((*samples)[0].completion, "good");
  EXPECT_EQ((*samples)[0].trajectory.worker(), "another");
  EXPECT_EQ((*samples)[1].reward->total(), 0);
}

// A resumed run computes its last steps again, from recorded samples and in no
// time.
TEST_F(RunStoreTest, AStepComputedAgainKeepsItsTimesAndEvents) {
  const auto store = Open();
  ASSERT_TRUE(store
                  ->RecordMetrics(4, {{"loss", 1},
                                      {"time/rollout_seconds", 60},
                                      {"tokens_per_second/generate", 900},
                                      {"gone", 1}})
                  .ok());
  ASSERT_TRUE(store
                  ->RecordMetrics(4, {{"loss", 2},
                                      {"time/rollout_seconds", 0.01},
                                      {"tokens_per_second/generate", 0},
                                      {"new", 3}})
                  .ok());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(store->RecordEvent(4, "update-skipped", "update 3").ok());
    ASSERT_TRUE(store->RecordEvent(4, "update-skipped", "update 4").ok());
    ASSERT_TRUE(store->RecordEvent(-1, "worker", "local/1 was killed").ok());
  }
  ASSERT_TRUE(store->Flush().ok());
  const auto rows = Reader().AllMetrics();
  ASSERT_THAT(*rows, SizeIs(1));
  const Metrics& metrics = (*rows)[0].metrics;
  ASSERT_THAT(metrics, SizeIs(4));
  EXPECT_EQ(MetricOr(metrics, "loss", 0), 2);
  EXPECT_EQ(MetricOr(metrics, "time/rollout_seconds", 0), 60);
  EXPECT_EQ(MetricOr(metrics, "tokens_per_second/generate", 0), 900);
  EXPECT_EQ(MetricOr(metrics, "new", 0), 3);
  std::vector<std::string> messages;
  const auto events = Reader().Events();
  for (const EventRow& event : *events) {
    messages.push_back(event.message);
  }
  EXPECT_THAT(messages,
              ElementsAre("update 3", "update 4", "local/1 was killed",
                          "local/1 was killed"));
}

TEST_F(RunStoreTest, ASampleIsRecordedOnce) {
  {
    const auto store = Open();
    ASSERT_TRUE(
        store->RecordTrajectory(1, MakePrompt(5), MakeTrajectory(5, 0), "a")
            .ok());
    const absl::Status again =
        store->RecordTrajectory(1, MakePrompt(5), MakeTrajectory(5, 0), "a");
    EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
    EXPECT_THAT(std::string(again.message()),
                HasSubstr("step 1, prompt 5, sample 0"));
    ASSERT_TRUE(store->RecordReward(1, 5, 0, MakeReward(1)).ok());
    EXPECT_TRUE(
        absl::IsAlreadyExists(store->RecordReward(1, 5, 0, MakeReward(1))));
  }
  const auto store = Open();
  EXPECT_TRUE(absl::IsAlreadyExists(
      store->RecordTrajectory(1, MakePrompt(5), MakeTrajectory(5, 0), "a")));
  EXPECT_TRUE(
      absl::IsAlreadyExists(store->RecordReward(1, 5, 0, MakeReward(1))));
  // The same sample of another step, and another sample of this one, are new.
  EXPECT_TRUE(
      store->RecordTrajectory(2, MakePrompt(5), MakeTrajectory(5, 0), "a")
          .ok());
  EXPECT_TRUE(
      store->RecordTrajectory(1, MakePrompt(5), MakeTrajectory(5, 1), "a")
          .ok());
  EXPECT_TRUE(store->Flush().ok());
  EXPECT_THAT(*store->LoadSamples(1), SizeIs(2));
}

TEST_F(RunStoreTest, MetricsOfAStepAreReplaced) {
  const auto store = Open();
  ASSERT_TRUE(store->EnterStage("pretrain").ok());
  ASSERT_TRUE(store->EnterStage("rl").ok());
  ASSERT_TRUE(store->RecordMetrics(1, {{"b", 1}, {"gone", 2}}).ok());
  ASSERT_TRUE(
      store->RecordMetrics(1, {{"b", 3}, {"a", std::nan("")}, {"c", INFINITY}})
          .ok());
  ASSERT_TRUE(store->EnterStage("pretrain").ok());
  ASSERT_TRUE(store->RecordMetrics(1, {{"loss", 4}}).ok());
  ASSERT_TRUE(store->Flush().ok());
  const auto rows = Reader().AllMetrics();
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_THAT(*rows, SizeIs(2));
  EXPECT_EQ((*rows)[0].stage, "pretrain");  // in the order they began
  const Metrics& metrics = (*rows)[1].metrics;
  ASSERT_THAT(metrics, SizeIs(3));
  EXPECT_EQ(metrics[0], (std::pair<std::string, double>("b", 3)));
  EXPECT_EQ(metrics[1].first, "a");
  EXPECT_TRUE(std::isnan(metrics[1].second));
  EXPECT_EQ(metrics[2].second, INFINITY);
}

// Two stages have the same steps and prompt ids; neither sees the other's.
TEST_F(RunStoreTest, StagesAreKeptApartAndOneCanBeForgotten) {
  const auto store = Open();
  for (const char* stage : {"zero", "dev"}) {
    ASSERT_TRUE(store->EnterStage(stage).ok());
    Prompt prompt = MakePrompt(5);
    prompt.set_question(absl::StrCat("of ", stage));
    ASSERT_TRUE(
        store->RecordTrajectory(1, prompt, MakeTrajectory(5, 0), stage).ok());
    ASSERT_TRUE(store->RecordReward(1, 5, 0, MakeReward(0.5)).ok());
    ASSERT_TRUE(store->RecordMetrics(1, {{"loss", 1}}).ok());
    ASSERT_TRUE(store->RecordEval(1, {{"pass@1", 0.5}}, {}).ok());
    ASSERT_TRUE(store->RecordEvent(1, "kind", "the same").ok());
    ASSERT_TRUE(store->Flush().ok());
    const auto samples = store->LoadSamples(1);
    ASSERT_THAT(*samples, SizeIs(1));
    EXPECT_EQ((*samples)[0].completion, stage);
    EXPECT_EQ((*samples)[0].prompt.question(), absl::StrCat("of ", stage));
  }
  const std::string run_dir = folder_.path();
  EXPECT_EQ(RunReader::Open(run_dir)->stage(), "dev");  // the last
  EXPECT_THAT(*RunReader::Open(run_dir)->Stages(), ElementsAre("zero", "dev"));
  EXPECT_THAT(*Reader().Events(), SizeIs(2));
  const auto of_zero = RunReader::Open(run_dir, "zero")->Samples({});
  ASSERT_THAT(*of_zero, SizeIs(1));
  EXPECT_EQ((*of_zero)[0].record.completion, "zero");

  ASSERT_TRUE(store->DropStage("dev").ok());
  EXPECT_THAT(*store->LoadSamples(1), SizeIs(0));
  // Nor is the time of what was dropped counted.
  EXPECT_THAT(*RunReader::Open(run_dir)->Stages(), ElementsAre("zero"));
  EXPECT_EQ(RunReader::Open(run_dir)->stage(), "zero");
  EXPECT_THAT(*Reader().AllMetrics(), SizeIs(1));
  EXPECT_THAT(*Reader().Events(), SizeIs(1));
  EXPECT_THAT(*RunReader::Open(run_dir, "zero")->Evals(), SizeIs(1));
}

TEST_F(RunStoreTest, ReadersLookOnWhileARunWrites) {
  const auto store = Open();
  const RunReader reader = Reader();
  for (int step = 1; step <= 20; ++step) {
    ASSERT_TRUE(store
                    ->RecordTrajectory(step, MakePrompt(step),
                                       MakeTrajectory(step, 0), "a")
                    .ok());
    ASSERT_TRUE(store->RecordAdvantage(step, step, 0, -0.5).ok());
    ASSERT_TRUE(store->Flush().ok());
    EXPECT_THAT(*reader.SampledSteps(), SizeIs(step));
  }
  SampleFilter filter;
  filter.limit = 2;
  const auto samples = reader.Samples(filter);
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_THAT(*samples, SizeIs(2));
  EXPECT_EQ((*samples)[0].step, 20);  // the newest first
  EXPECT_EQ(*(*samples)[0].advantage, -0.5);
  filter = SampleFilter();
  filter.prompt_id = 7;
  EXPECT_THAT(*reader.Samples(filter), SizeIs(1));
}

TEST_F(RunStoreTest, EvaluationsAndEventsComeBack) {
  const auto store = Open();
  EvalSample sample;
  sample.prompt_id = uint64_t{1} << 47;
  sample.sample_index = 2;
  sample.completion = "<answer>7</answer>";
  sample.finish_reason = FINISH_END_TOKEN;
  sample.num_tokens = 11;
  sample.is_correct = true;
  ASSERT_TRUE(store->RecordEval(5, {{"pass@1", 0.5}}, {}).ok());
  EvalSample unjudged = sample;
  unjudged.sample_index = 3;
  unjudged.is_correct.reset();
  ASSERT_TRUE(
      store->RecordEval(5, {{"pass@1", 0.25}}, {sample, unjudged}).ok());
  ASSERT_TRUE(store->RecordEvent(5, "worker", "died").ok());
  ASSERT_TRUE(store->Flush().ok());
  const RunReader reader = Reader();
  ASSERT_THAT(*reader.Evals(), SizeIs(1));
  EXPECT_EQ(MetricOr((*reader.Evals())[0].metrics, "pass@1", 0), 0.25);
  const auto samples = *reader.EvalSamples(5, 10);
  ASSERT_THAT(samples, SizeIs(2));
  EXPECT_EQ(samples[1].is_correct, std::nullopt);
  EXPECT_EQ(samples[0].prompt_id, uint64_t{1} << 47);
  EXPECT_EQ(samples[0].completion, sample.completion);
  EXPECT_EQ(samples[0].finish_reason, FINISH_END_TOKEN);
  EXPECT_EQ(samples[0].is_correct, true);
  EXPECT_FALSE(samples[0].has_format);
  ASSERT_THAT(*reader.Events(), SizeIs(1));
  EXPECT_EQ((*reader.Events())[0].message, "died");
}

TEST_F(RunStoreTest, ManyWritersAtOnceLoseNothing) {
  const auto store = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&store, t] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(store->RecordEvent(t, "k", absl::StrCat(i)).ok());
        if (i % 50 == 0) {
          EXPECT_TRUE(store->Flush().ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_THAT(*Reader().Events(), SizeIs(800));
}

// A child writes samples, and says through a pipe which ones were flushed; it
// is killed after a random number of them, in the middle of something, again
// and again on the same file.
TEST_F(RunStoreTest, KillsLoseNothingThatWasFlushed) {
  constexpr int kKills = 12;
  uint32_t flushed = 0;  // samples 0 … flushed-1 are durable
  std::srand(17);
  for (int kill = 0; kill < kKills; ++kill) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = RunStore::Open(path());
      if (!store.ok()) ::_exit(3);
      const auto there = (*store)->LoadSamples(1);
      if (!there.ok()) ::_exit(4);
      for (uint32_t i = there->size();; ++i) {
        if (!(*store)
                 ->RecordTrajectory(1, MakePrompt(i / 4),
                                    MakeTrajectory(i / 4, i % 4), "text")
                 .ok()) {
          ::_exit(5);
        }
        if (i % 3 != 0) continue;
        if (!(*store)->Flush().ok()) ::_exit(6);
        const uint32_t count = i + 1;
        if (::write(pipe_ends[1], &count, sizeof(count)) < 0) ::_exit(7);
      }
    }
    ::close(pipe_ends[1]);
    // Some flushes, however long they take, and then a part of the next.
    uint32_t count = 0;
    for (int i = std::rand() % 8; i >= 0; --i) {
      ASSERT_EQ(::read(pipe_ends[0], &count, sizeof(count)), sizeof(count));
      flushed = count;
    }
    ::usleep(std::rand() % 8000);
    ::kill(child, SIGKILL);
    int wait_status = 0;
    ::waitpid(child, &wait_status, 0);
    ASSERT_TRUE(WIFSIGNALED(wait_status)) << WEXITSTATUS(wait_status);
    while (::read(pipe_ends[0], &count, sizeof(count)) == sizeof(count)) {
      flushed = count;
    }
    ::close(pipe_ends[0]);
  }
  EXPECT_GE(flushed, uint32_t{kKills});
  const auto store = Open();
  const auto samples = store->LoadSamples(1);
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_GE(samples->size(), flushed);
  for (uint32_t i = 0; i < samples->size(); ++i) {
    // In order and without a gap: each exactly once.
    EXPECT_EQ((*samples)[i].trajectory.SerializeAsString(),
              MakeTrajectory(i / 4, i % 4).SerializeAsString());
  }
}

TEST_F(RunStoreTest, ADamagedFileIsRefusedInOneLine) {
  {
    const auto store = Open();
    for (int i = 0; i < 400; ++i) {
      ASSERT_TRUE(store
                      ->RecordTrajectory(1, MakePrompt(i), MakeTrajectory(i, 0),
                                         std::string(200, 'x'))
                      .ok());
    }
  }
  const std::string good = *ReadFile(path());
  const auto expect_refused = [&](const std::string& content) {
    ASSERT_TRUE(WriteFileAtomic(path(), content).ok());
    for (const char* suffix : {"-wal", "-shm"}) {
      ::unlink((path() + suffix).c_str());
    }
    const auto store = RunStore::Open(path());
    ASSERT_FALSE(store.ok());
    EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
    const std::string message(store.status().message());
    EXPECT_THAT(message, HasSubstr(path()));
    EXPECT_THAT(message, HasSubstr("move it"));
    EXPECT_FALSE(absl::StrContains(message, "\n"));
  };
  std::string garbled = good;  // a page in the middle
  for (size_t i = 0; i < 4096; ++i) garbled[good.size() / 8192 * 4096 + i] = 7;
  expect_refused(garbled);
  expect_refused("this is no database, and longer than a header of one " +
                 std::string(4096, '.'));
  expect_refused(good.substr(0, good.size() / 2));
}

TEST_F(RunStoreTest, TablesOfAnotherVersionAreRefused) {
  Open().reset();
  {
    auto database = Database::Open(path(), Database::Mode::kReadWrite);
    ASSERT_TRUE((*database)->Execute("PRAGMA user_version = 99").ok());
  }
  const auto store = RunStore::Open(path());
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("version 99"));
  const auto reader = RunReader::Open(folder_.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(reader.status())) << reader.status();
}

TEST_F(RunStoreTest, AFolderWithoutARunSaysSo) {
  const auto reader = RunReader::Open(folder_.path());
  EXPECT_TRUE(absl::IsNotFound(reader.status())) << reader.status();
  EXPECT_THAT(std::string(reader.status().message()),
              HasSubstr("is not a run folder"));
}

// A limit on the file's size stands in for a full disk: both fail in write().
TEST_F(RunStoreTest, AFailedWriteStopsEverythingAfterIt) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = RunStore::Open(path());
    if (!store.ok()) ::_exit(3);
    ::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {256 << 10, 256 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    absl::Status status;
    for (int i = 0; i < 4000 && status.ok(); ++i) {
      status = (*store)->RecordTrajectory(
          1, MakePrompt(i), MakeTrajectory(i, 0), std::string(2000, 'x'));
      if (i % 50 == 0) status.Update((*store)->Flush());
    }
    if (status.ok()) ::_exit(4);
    if (!absl::StrContains(status.message(), "run.db")) ::_exit(5);
    if ((*store)->Flush().ok()) ::_exit(6);  // the error stays
    if ((*store)->RecordEvent(1, "k", "m").ok()) ::_exit(7);
    store->reset();
    ::_exit(0);
  }
  int wait_status = 0;
  ::waitpid(child, &wait_status, 0);
  ASSERT_TRUE(WIFEXITED(wait_status));
  EXPECT_EQ(WEXITSTATUS(wait_status), 0);
  // What is in the file is whole.
  const auto store = Open();
  const auto samples = store->LoadSamples(1);
  ASSERT_TRUE(samples.ok()) << samples.status();
  for (const SampleRecord& sample : *samples) {
    EXPECT_EQ(sample.completion.size(), 2000u);
  }
}

TEST_F(RunStoreTest, WallTimeIsThatOfAllSessions) {
  Open().reset();
  Open().reset();
  {
    auto database = Database::Open(path(), Database::Mode::kReadWrite);
    ASSERT_TRUE((*database)
                    ->Execute("UPDATE sessions SET started_unix_ms = 1000 * id,"
                              " last_write_unix_ms = 1000 * id + 250 * id")
                    .ok());
  }
  EXPECT_EQ(*Reader().WallSeconds(), 0.25 + 0.5);
}

}  // namespace
}  // namespace r1
