#include "pipeline/folder/run_folder.h"

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
#include "pipeline/folder/stage_folder.h"
#include "pipeline/process/build_id.h"
#include "pipeline/store/run_reader.h"
#include "pipeline/store/run_store.h"
#include "proto/recipe.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Why another number of steps is refused.
constexpr char kCosine[] =
    "its learning rate is a cosine over all its steps, so with more or fewer "
    "every step would have another one";

constexpr absl::string_view kRecipe =
    "task { kind: COUNTDOWN } stage { name: 'sft' supervised { steps: 3 } } "
    "stage { rl { steps: 100 } }";

Recipe Config(std::vector<std::string> overrides = {}) {
  return *ParseRecipe(kRecipe, "test", overrides);
}

class RunFolderTest : public ::testing::Test {
 protected:
  std::string run_dir() const { return folder_.path() + "/run"; }
  // A run that has a checkpoint, and that no process holds.
  void BeginRun() {
    ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
    BeginStages(Config());
  }
  // Both have a checkpoint.
  void BeginStages(const Recipe& recipe) {
    for (const StageConfig& stage : ResolveStages(recipe)) {
      ASSERT_TRUE(StageFolder::Open(run_dir(), stage)->NoteCheckpoint().ok());
      MakeCheckpoint(stage.name());
    }
  }
  void MakeCheckpoint(const std::string& stage) {
    ASSERT_TRUE(
        MakeDirectories(StageCheckpoints(run_dir(), stage) + "/step-0").ok());
  }
  void FinishStages(const Recipe& recipe) {
    for (const StageConfig& stage : ResolveStages(recipe)) {
      ASSERT_TRUE(StageFolder::Open(run_dir(), stage)->Finish("abc").ok());
    }
    ASSERT_TRUE(WriteFileAtomic(run_dir() + "/summary.json", "{}").ok());
  }
  void RecordOneRow() {
    const auto store = RunStore::Open(run_dir() + "/run.db");
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->RecordMetrics(1, {{"loss", 1}}).ok());
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
      const Recipe& config,
      absl::StatusCode code = absl::StatusCode::kFailedPrecondition,
      bool accept_build = false) {
    const std::string before = Snapshot();
    const auto folder = RunFolder::Open(run_dir(), config, accept_build);
    EXPECT_EQ(folder.status().code(), code) << folder.status();
    // Before Open, too.
    EXPECT_EQ(RunFolder::Check(run_dir(), config, accept_build, /*redo=*/{}),
              folder.status());
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
  EXPECT_EQ(ReadRecipe(run_dir())->stage(1).rl().steps(), 3);
  EXPECT_TRUE(other->Pin("rl_data_sha256", "of a mended file", "data").ok());
  EXPECT_TRUE(other->changes().empty());
}

TEST_F(RunFolderTest, AStartKilledBeforeItsFirstCheckpointGoesOn) {
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  RecordOneRow();
  EXPECT_THAT(Refusal(Config({"seed=9"})), HasSubstr("seed"));
  EXPECT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  EXPECT_TRUE(*HasRecords(run_dir() + "/run.db"));
}

TEST_F(RunFolderTest, AStageThatHasBegunFixesItsConfigurationAndNoOther) {
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  {
    const StageConfig sft = ResolveStages(Config())[0];
    auto folder = StageFolder::Open(run_dir(), sft);
    ASSERT_TRUE(folder->Pin("from_sha256", "abc", "the base model").ok());
  }
  EXPECT_THAT(Refusal(Config({"seed=9"})),
              AllOf(HasSubstr("seed"), HasSubstr("is 1, now 9")));
  EXPECT_THAT(Refusal(Config({"supervised.learning_rate=0.5"})),
              AllOf(HasSubstr("(sft: supervised.learning_rate: 0.001 -> 0.5)"),
                    HasSubstr("--redo sft"), HasSubstr("and with it rl")));
  const auto folder =
      RunFolder::Open(run_dir(), Config({"rl.learning_rate=0.5"}));
  EXPECT_TRUE(folder.ok()) << folder.status();
}

TEST_F(RunFolderTest, ToRedoAStageRemovesItAndThoseThatNeedIt) {
  BeginRun();
  FinishStages(Config());
  EXPECT_EQ(
      RunFolder::Open(run_dir(), Config(), false, {"none"}).status().code(),
      absl::StatusCode::kNotFound);
  {
    const auto folder = RunFolder::Open(run_dir(), Config(), false, {"rl"});
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_THAT(folder->dropped(), ElementsAre("rl"));
    EXPECT_TRUE(IsFinishedStage(run_dir(), "sft"));
    EXPECT_FALSE(HasStageBegun(run_dir(), "rl"));
    EXPECT_FALSE(FileExists(run_dir() + "/summary.json"));
  }
  {
    // Killed before the database forgot it: named again.
    auto folder = RunFolder::Open(run_dir(), Config());
    EXPECT_THAT(folder->dropped(), ElementsAre("rl"));
    ASSERT_TRUE(folder->NoteDropped().ok());
  }
  const auto folder = RunFolder::Open(
      run_dir(), Config({"supervised.learning_rate=0.5"}), false, {"sft"});
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(folder->dropped(), ElementsAre("sft"));
}

// A stage is not asked about what only another kind reads.
TEST_F(RunFolderTest, WhatAStageDoesNotReadMayChange) {
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  const StageConfig sft = ResolveStages(Config())[0];
  ASSERT_TRUE(StageFolder::Open(run_dir(), sft)->NoteCheckpoint().ok());
  MakeCheckpoint("sft");
  const std::string key = StageFolder::Open(run_dir(), sft)->Key();
  const Recipe other =
      Config({"rollout.temperature=0.7", "reward.rule={name: \"format\"}",
              "task.rule={name: \"countdown\"}", "task.file=rows.jsonl"});
  const auto folder = RunFolder::Open(run_dir(), other);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(StageFolder::Open(run_dir(), ResolveStages(other)[0])->Key(), key);
  const Recipe third = Config({"task.max_number=50"});
  EXPECT_NE(StageFolder::Open(run_dir(), ResolveStages(third)[0])->Key(), key);
}

TEST_F(RunFolderTest, HalfARemovedStageIsRemovedAtTheNextStart) {
  BeginRun();
  EditManifest("dropped", "rl");
  ASSERT_TRUE(RemoveAll(StagePath(run_dir(), "rl") + "/stage.textproto").ok());
  const auto folder = RunFolder::Open(run_dir(), Config());
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(folder->dropped(), ElementsAre("rl"));
  EXPECT_FALSE(HasStageBegun(run_dir(), "rl"));
  EXPECT_TRUE(HasStageBegun(run_dir(), "sft"));
}

// Its checkpoints were moved to an archive, or removed to save space.
TEST_F(RunFolderTest, ARunWithoutItsCheckpointsIsRefusedAndLeftAlone) {
  BeginRun();
  RecordOneRow();
  ASSERT_TRUE(RemoveAll(StageCheckpoints(run_dir(), "rl")).ok());
  for (const char* override : {"seed=1", "eval.every=9", "rl.steps=1000000"}) {
    const std::string message = Refusal(Config({override}));
    EXPECT_THAT(message, HasSubstr("move them back"));
    EXPECT_THAT(message, HasSubstr("--run-dir"));
  }
  MakeCheckpoint("rl");
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
  FinishStages(Config());
  for (const char* stage : {"sft", "rl"}) {
    ASSERT_TRUE(RemoveAll(StageCheckpoints(run_dir(), stage)).ok());
  }
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
  const Recipe config = Config({"eval.every=9", "checkpoint.keep=7"});
  {
    const auto folder = RunFolder::Open(run_dir(), config);
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_THAT(folder->changes(),
                ElementsAre(HasSubstr("sft.eval.every: 0 -> 9"),
                            HasSubstr("sft.checkpoint.keep: 2 -> 7"),
                            HasSubstr("rl.eval.every: 0 -> 9"),
                            HasSubstr("rl.checkpoint.keep: 2 -> 7")));
  }
  EXPECT_EQ(*ReadFile(run_dir() + "/config.textproto"), ConfigToText(config));
  EXPECT_TRUE(RunFolder::Open(run_dir(), config)->changes().empty());
  const auto manifest =
      nlohmann::json::parse(*ReadFile(run_dir() + "/manifest.json"));
  ASSERT_EQ(manifest["history"].size(), 4u);
  EXPECT_THAT(manifest["history"][0].get<std::string>(),
              HasSubstr("Z sft.eval.every: 0 -> 9"));
}

TEST_F(RunFolderTest, OtherStepsOfASupervisedStageAreRefusedWithTheReason) {
  BeginRun();
  EXPECT_THAT(Refusal(Config({"supervised.steps=4"})),
              AllOf(HasSubstr("sft: supervised.steps: 3 -> 4"),
                    HasSubstr(kCosine), HasSubstr("--redo sft")));
  FinishStages(Config());
  EXPECT_THAT(
      Refusal(Config({"supervised.steps=0", "supervised.epochs=2",
                      "supervised.corpus_rows=9"})),
      AllOf(HasSubstr("supervised.epochs: 0 -> 2"), HasSubstr(kCosine)));
}

TEST_F(RunFolderTest, StepsMayGrowWithAConstantScheduleOnly) {
  BeginRun();
  const int steps = Config().stage(1).rl().steps();
  const auto with_steps = [&](int n) {
    return Config({absl::StrCat("rl.steps=", n)});
  };
  EXPECT_THAT(Refusal(with_steps(steps - 1)),
              HasSubstr("rl.steps may grow, not shrink"));
  // Also of a run that is whole: it is not, then.
  FinishStages(Config());
  EXPECT_TRUE(*IsFinishedRun(run_dir(), Config()));
  EXPECT_FALSE(*IsFinishedRun(run_dir(), with_steps(steps + 5)));
  {
    const auto folder = RunFolder::Open(run_dir(), with_steps(steps + 5));
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_FALSE(folder->is_finished());
    EXPECT_THAT(
        folder->changes(),
        ElementsAre(absl::StrCat("rl.rl.steps: ", steps, " -> ", steps + 5)));
    EXPECT_FALSE(IsFinishedStage(run_dir(), "rl"));
    EXPECT_TRUE(IsFinishedStage(run_dir(), "sft"));
  }
  EXPECT_FALSE(FileExists(run_dir() + "/summary.json"));
  EXPECT_EQ(ReadRecipe(run_dir())->stage(1).rl().steps(), steps + 5);
}

TEST_F(RunFolderTest, StepsMayNotGrowWhereTheyChangeTheSchedule) {
  const std::vector<std::string> cosine = {"rl.schedule=COSINE"};
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config(cosine)).ok());
  BeginStages(Config(cosine));
  FinishStages(Config(cosine));
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
  EditManifest("device", "NEON");
  EXPECT_THAT(Refusal(Config(), absl::StatusCode::kFailedPrecondition, true),
              HasSubstr("the device"));
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

TEST_F(RunFolderTest, ReadStageConfigWantsARun) {
  const auto config = ReadRecipe(folder_.path());
  EXPECT_TRUE(absl::IsNotFound(config.status())) << config.status();
}

}  // namespace
}  // namespace r1
