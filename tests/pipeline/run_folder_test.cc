#include "pipeline/run_folder.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pipeline/build_id.h"
#include "pipeline/run_reader.h"
#include "pipeline/run_store.h"
#include "proto/config.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunConfig Config(std::vector<std::string> overrides = {}) {
  return *ParseConfig("", "test", overrides);
}

class RunFolderTest : public ::testing::Test {
 protected:
  std::string run_dir() const { return folder_.path() + "/run"; }
  // A run that has a checkpoint, and that no process holds.
  void BeginRun() {
    ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
    ASSERT_TRUE(MakeDirectories(run_dir() + "/checkpoints/step-0").ok());
  }
  void RecordOneRow() {
    const auto store = RunStore::Open(run_dir() + "/run.db");
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->RecordMetrics("pretrain", 1, {{"loss", 1}}).ok());
    ASSERT_TRUE((*store)->Flush().ok());
  }
  void EditManifest(const char* key, const char* value) {
    const std::string path = run_dir() + "/manifest.json";
    auto manifest = nlohmann::json::parse(*ReadFile(path));
    manifest[key] = value;
    ASSERT_TRUE(WriteFileAtomic(path, manifest.dump()).ok());
  }
  // The message with which the run is refused, and nothing changed.
  std::string Refusal(
      const RunConfig& config,
      absl::StatusCode code = absl::StatusCode::kFailedPrecondition,
      bool accept_build = false) {
    const std::string before = Snapshot();
    const auto folder = RunFolder::Open(run_dir(), config, accept_build);
    EXPECT_EQ(folder.status().code(), code) << folder.status();
    EXPECT_EQ(Snapshot(), before);
    const std::string message(folder.status().message());
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  // Names and bytes of what a run keeps.
  std::string Snapshot() {
    // But not SQLite's files for readers.
    std::vector<std::string> names = *ListDirectory(run_dir());
    std::erase_if(names, [](const std::string& name) {
      return absl::StartsWith(name, "run.db-");
    });
    std::sort(names.begin(), names.end());
    std::string all = absl::StrJoin(names, " ");
    for (const char* name :
         {"config.textproto", "manifest.json", "summary.json"}) {
      const auto text = ReadFile(absl::StrCat(run_dir(), "/", name));
      if (text.ok()) absl::StrAppend(&all, "\n", *text);
    }
    return all;
  }
  TestFolder folder_;
};

TEST_F(RunFolderTest, WritesTheResolvedConfigurationAndTheManifest) {
  auto folder = RunFolder::Open(run_dir(), Config({"seed=7"}));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(*ReadFile(run_dir() + "/config.textproto"),
            ConfigToText(Config({"seed=7"})));
  ASSERT_TRUE(folder->Pin("data_sha256", "abc", "the data").ok());
  const auto manifest =
      nlohmann::json::parse(*ReadFile(run_dir() + "/manifest.json"));
  EXPECT_EQ(manifest["seed"], "7");
  EXPECT_EQ(manifest["build_id"], *BuildId());
  EXPECT_EQ(manifest["data_sha256"], "abc");
}

TEST_F(RunFolderTest, ASecondProcessIsRefused) {
  const auto folder = RunFolder::Open(run_dir(), Config());
  ASSERT_TRUE(folder.ok()) << folder.status();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = RunFolder::Open(run_dir(), Config());
    const bool is_right =
        absl::IsUnavailable(second.status()) &&
        std::string(second.status().message())
                .find(absl::StrCat("held by process ", ::getppid())) !=
            std::string::npos;
    ::_exit(is_right ? 0 : 1);
  }
  int wait_status = 0;
  ::waitpid(child, &wait_status, 0);
  EXPECT_EQ(wait_status, 0);
}

TEST_F(RunFolderTest, GoesOnAfterItsProcessIsGone) {
  BeginRun();
  EXPECT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
}

TEST_F(RunFolderTest, AnotherConfigurationIsRefusedAndTheDifferenceNamed) {
  BeginRun();
  const auto folder = RunFolder::Open(
      run_dir(), Config({"rl.learning_rate=0.5", "rollout.stop=[\"x\"]"}));
  ASSERT_TRUE(absl::IsFailedPrecondition(folder.status())) << folder.status();
  const std::string message(folder.status().message());
  EXPECT_THAT(message, HasSubstr("rl.learning_rate: 3e-06 -> 0.5"));
  EXPECT_THAT(message, HasSubstr("rollout.stop[0]"));
  EXPECT_EQ(message.find("ignored"), std::string::npos) << message;
  EXPECT_THAT(message, HasSubstr("--run-dir"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

// Killed before it recorded anything: any configuration may follow.
TEST_F(RunFolderTest, ARunThatHasNotBegunStartsAnew) {
  auto folder = RunFolder::Open(run_dir(), Config());
  ASSERT_TRUE(folder->Pin("rl_data_sha256", "of a faulty file", "data").ok());
  folder = absl::CancelledError();  // lets go of the lock
  ASSERT_TRUE(WriteFileAtomic(run_dir() + "/run.db", "").ok());
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config({"rl.steps=2"})).ok());
  ASSERT_TRUE(RunStore::Open(run_dir() + "/run.db").ok());  // a session only
  auto other = RunFolder::Open(run_dir(), Config({"rl.steps=3"}));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(ReadRunConfig(run_dir())->rl().steps(), 3);
  EXPECT_TRUE(other->Pin("rl_data_sha256", "of a mended file", "data").ok());
  EXPECT_TRUE(other->changes().empty());
}

TEST_F(RunFolderTest, AStartKilledBeforeItsFirstCheckpointGoesOn) {
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  RecordOneRow();
  const std::string other = Refusal(Config({"rl.learning_rate=0.5"}));
  EXPECT_THAT(other, HasSubstr("rl.learning_rate: 3e-06 -> 0.5"));
  EXPECT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  EXPECT_TRUE(*HasRecords(run_dir() + "/run.db"));
}

TEST_F(RunFolderTest, ABaseModelThatIsPinnedFixesTheConfiguration) {
  {
    auto folder = RunFolder::Open(run_dir(), Config());
    ASSERT_TRUE(folder->Pin("base_model_sha256", "abc", "the base model").ok());
  }
  EXPECT_THAT(Refusal(Config({"seed=9"})), HasSubstr("seed: 1 -> 9"));
  EXPECT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
}

// Its checkpoints were moved to an archive, or removed to save space.
TEST_F(RunFolderTest, ARunWithoutItsCheckpointsIsRefusedAndLeftAlone) {
  {
    auto folder = RunFolder::Open(run_dir(), Config());
    ASSERT_TRUE(folder->NoteCheckpoint().ok());
  }
  RecordOneRow();
  ASSERT_TRUE(MakeDirectories(run_dir() + "/checkpoints/pretrain").ok());
  for (const char* override : {"seed=1", "eval.every=9", "rl.steps=1000000"}) {
    const std::string message = Refusal(Config({override}));
    EXPECT_THAT(message, HasSubstr("move them back"));
    EXPECT_THAT(message, HasSubstr("--run-dir"));
  }
  // One of any stage is enough to go on.
  ASSERT_TRUE(MakeDirectories(run_dir() + "/checkpoints/pretrain/step-7").ok());
  EXPECT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
}

TEST_F(RunFolderTest, ALostManifestIsNamed) {
  BeginRun();
  ASSERT_TRUE(RemoveAll(run_dir() + "/manifest.json").ok());
  EXPECT_THAT(Refusal(Config(), absl::StatusCode::kDataLoss),
              HasSubstr("manifest.json is missing"));
}

TEST_F(RunFolderTest, AFinishedRunIsLeftAloneWhateverIsMissing) {
  BeginRun();
  RecordOneRow();
  ASSERT_TRUE(WriteFileAtomic(run_dir() + "/summary.json", "{}").ok());
  ASSERT_TRUE(RemoveAll(run_dir() + "/checkpoints").ok());
  ASSERT_TRUE(RemoveAll(run_dir() + "/manifest.json").ok());
  const std::string before = Snapshot();
  for (const char* override : {"seed=1", "eval.every=9", "checkpoint.keep=7"}) {
    const auto folder = RunFolder::Open(run_dir(), Config({override}));
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_TRUE(folder->is_finished());
  }
  EXPECT_EQ(Snapshot(), before);
  Refusal(Config({"seed=2"}), absl::StatusCode::kDataLoss);
}

TEST_F(RunFolderTest, WhatChangesNoTrainingBitIsTakenOverAndRecorded) {
  BeginRun();
  const RunConfig config = Config({"eval.every=9", "checkpoint.keep=7"});
  {
    const auto folder = RunFolder::Open(run_dir(), config);
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_THAT(folder->changes(),
                ElementsAre(HasSubstr("eval.every: 0 -> 9"),
                            HasSubstr("checkpoint.keep: 2 -> 7")));
  }
  EXPECT_EQ(*ReadFile(run_dir() + "/config.textproto"), ConfigToText(config));
  EXPECT_TRUE(RunFolder::Open(run_dir(), config)->changes().empty());
  const auto manifest =
      nlohmann::json::parse(*ReadFile(run_dir() + "/manifest.json"));
  ASSERT_EQ(manifest["history"].size(), 2u);
  EXPECT_THAT(manifest["history"][0].get<std::string>(),
              HasSubstr("Z eval.every: 0 -> 9"));
}

TEST_F(RunFolderTest, StepsMayGrowWithAConstantScheduleOnly) {
  BeginRun();
  const int steps = Config().rl().steps();
  const auto with_steps = [&](int n) {
    return Config({absl::StrCat("rl.steps=", n)});
  };
  EXPECT_THAT(Refusal(with_steps(steps - 1)),
              HasSubstr("rl.steps may grow, not shrink"));
  // Also of a run that is whole: it is not, then.
  ASSERT_TRUE(WriteFileAtomic(run_dir() + "/summary.json", "{}").ok());
  EXPECT_FALSE(*IsFinishedRun(run_dir(), with_steps(steps + 5)));
  {
    const auto folder = RunFolder::Open(run_dir(), with_steps(steps + 5));
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_FALSE(folder->is_finished());
    EXPECT_THAT(
        folder->changes(),
        ElementsAre(absl::StrCat("rl.steps: ", steps, " -> ", steps + 5)));
  }
  EXPECT_FALSE(FileExists(run_dir() + "/summary.json"));
  EXPECT_EQ(ReadRunConfig(run_dir())->rl().steps(), steps + 5);
}

TEST_F(RunFolderTest, StepsMayNotGrowWhereTheyChangeTheSchedule) {
  const std::vector<std::string> cosine = {"rl.schedule=COSINE"};
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config(cosine)).ok());
  ASSERT_TRUE(MakeDirectories(run_dir() + "/checkpoints/step-0").ok());
  ASSERT_TRUE(WriteFileAtomic(run_dir() + "/summary.json", "{}").ok());
  const std::string message =
      Refusal(Config({"rl.schedule=COSINE", "rl.steps=1000000"}));
  EXPECT_THAT(message, HasSubstr("only with rl.schedule: CONSTANT"));
  EXPECT_TRUE(FileExists(run_dir() + "/summary.json"));
}

TEST_F(RunFolderTest, WhereARunComputesMayChange) {
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  EXPECT_TRUE(
      RunFolder::Open(run_dir(), Config({"threads=2", "rollout.max_batch=7",
                                         "reward.server=\"localhost:1\"",
                                         "rollout.lease_seconds=5"}))
          .ok());
}

TEST_F(RunFolderTest, APinnedFactMustStay) {
  auto folder = RunFolder::Open(run_dir(), Config());
  ASSERT_TRUE(folder->Pin("data_sha256", "abc", "the training data").ok());
  EXPECT_TRUE(folder->Pin("data_sha256", "abc", "the training data").ok());
  const absl::Status other =
      folder->Pin("data_sha256", "def", "the training data");
  EXPECT_TRUE(absl::IsFailedPrecondition(other)) << other;
  EXPECT_THAT(std::string(other.message()),
              HasSubstr("the training data is not what the run began with "
                        "(data_sha256 in manifest.json is abc, now def)"));
}

TEST_F(RunFolderTest, AnotherBuildIsRefusedUnlessAccepted) {
  BeginRun();
  EditManifest("build_id", "0123");
  EXPECT_THAT(Refusal(Config()), AllOf(HasSubstr("the program's build"),
                                       HasSubstr("--accept-build")));
  {
    const auto folder = RunFolder::Open(run_dir(), Config(), true);
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_THAT(folder->changes(),
                ElementsAre(absl::StrCat("build_id: 0123 -> ", *BuildId())));
  }
  const auto folder = RunFolder::Open(run_dir(), Config());
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_TRUE(folder->changes().empty());
  const auto manifest =
      nlohmann::json::parse(*ReadFile(run_dir() + "/manifest.json"));
  EXPECT_EQ(manifest["history"].size(), 1u);
}

// Its samples have other bits, with the very same program.
TEST_F(RunFolderTest, AnotherInstructionSetIsNeverAccepted) {
  BeginRun();
  EditManifest("simd_target", "NEON");
  EXPECT_THAT(Refusal(Config(), absl::StatusCode::kFailedPrecondition, true),
              HasSubstr("instruction set"));
}

TEST_F(RunFolderTest, AFolderWithOtherFilesIsLeftAlone) {
  folder_.Write("letter.txt", "Dear");
  const auto folder = RunFolder::Open(folder_.path(), Config());
  EXPECT_TRUE(absl::IsFailedPrecondition(folder.status())) << folder.status();
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("letter.txt"));
  EXPECT_EQ(ListDirectory(folder_.path())->size(), 1u);
}

TEST_F(RunFolderTest, ADamagedManifestIsNamed) {
  BeginRun();
  ASSERT_TRUE(WriteFileAtomic(run_dir() + "/manifest.json", "{\"a\":").ok());
  const auto folder = RunFolder::Open(run_dir(), Config());
  EXPECT_TRUE(absl::IsDataLoss(folder.status())) << folder.status();
  EXPECT_THAT(std::string(folder.status().message()),
              HasSubstr("manifest.json"));
}

TEST_F(RunFolderTest, ReadRunConfigWantsARun) {
  const auto config = ReadRunConfig(folder_.path());
  EXPECT_TRUE(absl::IsNotFound(config.status())) << config.status();
}

}  // namespace
}  // namespace r1
