// Runs on the emulated device, whose kernels and launches are those of a GPU:
// the same promises as on the CPU, with other bits.
#include <signal.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kRecipe[] = R"(
device: "emu"
model { vocab_size: 300 hidden_size: 64 intermediate_size: 64 num_layers: 2
        num_heads: 2 num_kv_heads: 1 max_positions: 128 }
task { kind: COUNTDOWN min_numbers: 3 max_numbers: 3 max_number: 12
       operators: "+-" template: "User: {question}\nAssistant: " }
rollout { max_new_tokens: 24 max_batch: 16 }
eval { problems: 2 samples: 1 }
# Something that every model of this size earns, unequally.
reward { rule { name: "overlong" } }
checkpoint { every: 1 }
stage { name: "base"
        supervised { steps: 4 batch_tokens: 256 learning_rate: 3e-3 } }
stage { name: "zero"
        rl { steps: 3 prompts: 4 group_size: 8 minibatches: 2 kl_coef: 0.01
             learning_rate: 1e-3 } }
stage { name: "cold" sample { prompts: 4 per_prompt: 2
        keep { rule: "overlong" at_least: -2 } } }
stage { name: "sft" from: "base"
        supervised { data: "cold" steps: 2 batch_tokens: 128 } }
)";

class EmulatedDeviceTest : public ::testing::Test {
 protected:
  EmulatedDeviceTest() : recipe_(folder_.Write("recipe.textproto", kRecipe)) {}

  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  std::vector<std::string> Train(const std::string& name,
                                 const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train", recipe_, "--run-dir",
                                          Dir(name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  ProgramResult Run(const std::string& name,
                    const std::vector<std::string>& more = {}) const {
    return Program(Train(name, more), R1_EMULATED).Wait();
  }
  // Of all models and data sets, by stage.
  std::map<std::string, std::string> HashesOf(const std::string& name) const {
    std::map<std::string, std::string> hashes;
    const auto summary = ReadFile(Dir(name) + "/summary.json");
    EXPECT_TRUE(summary.ok()) << summary.status();
    if (!summary.ok()) return hashes;
    const auto json = nlohmann::json::parse(*summary);
    for (const auto& stage : json["stages"]) {
      hashes[stage["name"]] = stage.value("output_sha256", "");
    }
    EXPECT_EQ(hashes.size(), 4);
    return hashes;
  }

  TestFolder folder_;
  std::string recipe_;
};

TEST_F(EmulatedDeviceTest, EveryStageIsEqualForAnyWorkersAndWhatIsKept) {
  const ProgramResult first = Run("a");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  // Sampler and trainer agree to the bit.
  EXPECT_THAT(first.out + first.err, HasSubstr("mismatch 0 "));
  const std::map<std::string, std::string> expected = HashesOf("a");
  for (const auto& [stage, hash] : expected) EXPECT_NE(hash, "") << stage;
  EXPECT_NE(expected.at("zero"), expected.at("base")) << "nothing was learned";

  const std::vector<std::vector<std::string>> ways = {
      {"--workers", "1", "--threads", "1", "--set", "keep=NO_GATE_UP"},
      {"--workers", "2", "--threads", "2", "--set", "keep=LAYER_INPUTS"}};
  for (size_t i = 0; i < ways.size(); ++i) {
    const std::string name = absl::StrCat("way", i);
    const ProgramResult run = Run(name, ways[i]);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(HashesOf(name), expected) << name;
  }

  // The bits of the CPU are others.
  const ProgramResult cpu = Run("cpu", {"--set", "device=cpu"});
  ASSERT_EQ(cpu.exit_code, 0) << cpu.err;
  EXPECT_NE(HashesOf("cpu")["base"], HashesOf("a")["base"]);
}

TEST_F(EmulatedDeviceTest, AKilledRunGoesOnToTheSameHash) {
  ASSERT_EQ(Run("whole").exit_code, 0);
  for (const std::string part :
       {"base: 4 steps", "zero: 3 steps", "zero 1/3"}) {
    Program program(Train("killed", {}), R1_EMULATED);
    ASSERT_TRUE(program.WaitForText(part)) << program.err();
    program.Kill(SIGKILL);
    program.Wait();
  }
  // Not on another device, nor with sums over tokens that are cut elsewhere.
  const ProgramResult cut = Run("killed", {"--set", "rl.microbatch_tokens=64"});
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_THAT(cut.err, HasSubstr("microbatch_tokens"));
  const ProgramResult moved = Run("killed", {"--set", "device=cpu"});
  EXPECT_EQ(moved.exit_code, 1);
  EXPECT_THAT(moved.err, AllOf(HasSubstr("device"), HasSubstr("emulated")));
  ASSERT_EQ(Run("killed").exit_code, 0);
  EXPECT_EQ(HashesOf("killed"), HashesOf("whole"));
}

TEST_F(EmulatedDeviceTest, ACheckpointIsReadOnEveryDevice) {
  ASSERT_EQ(Run("a", {"--until", "base"}).exit_code, 0);
  for (const std::string device : {"cpu", "emu"}) {
    const ProgramResult answer =
        Program({"generate", Dir("a"), "--device", device, "Make 3."},
                R1_EMULATED)
            .Wait();
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
  }
}

TEST_F(EmulatedDeviceTest, WhatADeviceCannotComputeIsRefusedAtTheStart) {
  const ProgramResult small = Run("small", {"--set", "model.num_heads=8"});
  EXPECT_EQ(small.exit_code, 1);
  EXPECT_THAT(small.err,
              AllOf(HasSubstr("stage base"), HasSubstr("heads have 8 channels"),
                    HasSubstr("multiple of 16")));
  EXPECT_FALSE(FileExists(Dir("small")));
  ASSERT_EQ(Run("cpu", {"--set", "model.num_heads=8", "--set", "device=cpu",
                        "--until", "base"})
                .exit_code,
            0);
  const ProgramResult asked =
      Program({"generate", Dir("cpu"), "--device", "emu", "hi"}, R1_EMULATED)
          .Wait();
  EXPECT_EQ(asked.exit_code, 1);
  EXPECT_THAT(asked.err, HasSubstr("heads have 8 channels"));
  const ProgramResult unknown = Run("unknown", {"--set", "device=tpu"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("\"tpu\""), HasSubstr("\"cpu\""),
                                 HasSubstr("\"emu:0\"")));
}

TEST_F(EmulatedDeviceTest, DevicesAreListed) {
  const ProgramResult listed = Program({"devices"}, R1_EMULATED).Wait();
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_THAT(listed.out,
              AllOf(HasSubstr("cpu "), HasSubstr("emu:0"), HasSubstr("GiB")));
}

}  // namespace
}  // namespace r1
