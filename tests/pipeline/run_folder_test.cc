#include "pipeline/run_folder.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pipeline/build_id.h"
#include "proto/config.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

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
        absl::IsFailedPrecondition(second.status()) &&
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

TEST_F(RunFolderTest, ARunWithoutACheckpointStartsAnew) {
  ASSERT_TRUE(RunFolder::Open(run_dir(), Config()).ok());
  ASSERT_TRUE(WriteFileAtomic(run_dir() + "/run.db", "old").ok());
  const auto folder = RunFolder::Open(run_dir(), Config({"rl.steps=3"}));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(ReadRunConfig(run_dir())->rl().steps(), 3);
  EXPECT_FALSE(FileExists(run_dir() + "/run.db"));
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

TEST_F(RunFolderTest, AnotherBuildIsRefused) {
  BeginRun();
  const std::string path = run_dir() + "/manifest.json";
  auto manifest = nlohmann::json::parse(*ReadFile(path));
  manifest["build_id"] = "0123";
  ASSERT_TRUE(WriteFileAtomic(path, manifest.dump()).ok());
  const auto folder = RunFolder::Open(run_dir(), Config());
  EXPECT_TRUE(absl::IsFailedPrecondition(folder.status())) << folder.status();
  EXPECT_THAT(std::string(folder.status().message()),
              HasSubstr("the program's build"));
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
