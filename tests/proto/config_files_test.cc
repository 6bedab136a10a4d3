// Every configuration in configs/ loads, and says what it is for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

std::vector<std::string> ConfigFiles() {
  std::vector<std::string> paths;
  const std::string root = std::string(R1_SOURCE_DIR) + "/configs";
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".textproto") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(ConfigFilesTest, EveryFileLoadsAndBeginsWithItsPurpose) {
  const auto paths = ConfigFiles();
  EXPECT_GE(paths.size(), 10);
  for (const std::string& path : paths) {
    const auto config = LoadRecipe(path, {});
    EXPECT_TRUE(config.ok()) << config.status();
    EXPECT_THAT(*ReadFile(path), StartsWith("# ")) << path;
  }
}

Recipe Load(const std::string& name) {
  auto config = LoadRecipe(std::string(R1_SOURCE_DIR) + "/configs/" + name, {});
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : Recipe();
}

TEST(ConfigFilesTest, SmokeHasEveryKindOfStage) {
  std::set<std::string> kinds;
  for (const StageConfig& stage : ResolveStages(Load("smoke.textproto"))) {
    kinds.insert(StageKind(stage));
  }
  EXPECT_THAT(kinds, ElementsAre("compare", "reward_model", "rl", "sample",
                                 "supervised"));
}

// DeepSeek-R1 (arXiv 2501.12948 v2), section 2.1: 32 questions x 16 outputs an
// update, 8,192 outputs a rollout phase in 16 minibatches, 10,400 updates.
TEST(ConfigFilesTest, R1ZeroHasThePapersNumbers) {
  const StageConfig config = ResolveStages(Load("r1_zero.textproto"))[0];
  const RlSection& rl = config.rl();
  EXPECT_EQ(rl.prompts() * rl.group_size(), 8192);
  EXPECT_EQ(rl.group_size(), 16);
  EXPECT_EQ(rl.minibatches(), 16);
  EXPECT_EQ(rl.inner_epochs(), 1);
  EXPECT_EQ(rl.steps() * rl.minibatches(), 10400);
  EXPECT_EQ(rl.learning_rate(), 3e-6f);
  EXPECT_EQ(rl.kl_coef(), 0.001f);
  EXPECT_EQ(rl.reference_every(), 400);
  EXPECT_EQ(rl.advantage(), GRPO);
  EXPECT_EQ(rl.aggregation(), SEQUENCE_MEAN);
  EXPECT_EQ(config.rollout().temperature(), 1);
  EXPECT_EQ(config.rollout().max_new_tokens(), 32768);
}

}  // namespace
}  // namespace r1
