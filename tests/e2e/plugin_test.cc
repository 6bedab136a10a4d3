// Runs that learn from a reward of the user's own, on each carrier.
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The reward of tests/reward/plugin/digits_plugin.cc without a library.
constexpr char kScript[] = R"(import json, os, sys
def say(x):
    print(json.dumps(x), flush=True)
options = json.loads(sys.stdin.readline())["options"]
crash = int(options.get("crash", 0))
say({"version": "1", "deterministic": True})
for line in sys.stdin:
    item = json.loads(line)
    text = item["completion"].encode()
    if crash and len(text) % crash == 0:
        os._exit(1)
    digits = sum(48 <= b <= 57 for b in text)
    say({"id": item["id"], "score": digits % 8 / 8})
)";

class PluginRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteFileAtomic(ScriptPath(), kScript).ok());
  }
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  std::string ScriptPath() const { return Dir("digits.py"); }

  // Two rules, one of them the plugin with these options.
  static std::vector<std::string> Rules(const std::string& options) {
    return {"--set",
            absl::StrCat("reward.rule=[{name: \"digits\" weight: 1 ", options,
                         "}, {name: \"format\" weight: 0.5}]")};
  }
  ProgramResult Train(const std::string& name,
                      std::vector<std::string> arguments,
                      const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram(TinyTrain(Dir(name), arguments));
  }
  std::string HashOfRun(const std::string& name,
                        const std::vector<std::string>& arguments) {
    const ProgramResult result = Train(name, arguments, Rules(""));
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
    return HashOf(Dir(name));
  }
  static std::vector<std::string> Plugin(const std::string& target) {
    return {"--set", absl::StrCat("reward.plugin=\"digits=", target, "\"")};
  }
  std::vector<nlohmann::json> Samples(const std::string& name) const {
    const std::string text =
        RunProgram({"samples", Dir(name), "--json", "--limit", "0"}).out;
    std::vector<nlohmann::json> samples;
    for (const auto& line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      samples.push_back(nlohmann::json::parse(line.begin(), line.end()));
    }
    return samples;
  }

  TestFolder folder_;
};

TEST_F(PluginRunTest, OneRewardOnEachCarrierTrainsTheSameModel) {
  const std::string hash = HashOfRun("library", Plugin(R1_DIGITS_PLUGIN));
  EXPECT_EQ(HashOfRun("lines", Plugin("python3 " + ScriptPath())), hash);
  Program server({"reward-server", "--listen", "127.0.0.1:0", "--plugin",
                  absl::StrCat("digits=", R1_DIGITS_PLUGIN)});
  ASSERT_TRUE(server.WaitForText("listens on ")) << server.err();
  const std::string text = server.out();
  const std::string address(
      absl::StripAsciiWhitespace(text.substr(text.rfind(' ') + 1)));
  EXPECT_EQ(HashOfRun("grpc", Plugin("grpc:" + address)), hash);
  // The plugin may as well belong to the server that scores everything.
  EXPECT_EQ(
      HashOfRun("server", {"--set", absl::StrCat("reward.server=", address)}),
      hash);
  // Totals are by hand; every result says which version gave it.
  const auto samples = Samples("library");
  ASSERT_EQ(samples.size(), 48u);
  for (const auto& sample : samples) {
    const std::string completion = sample["completion"];
    int digits = 0;
    for (const char c : completion) digits += absl::ascii_isdigit(c);
    EXPECT_EQ(sample["components"]["digits"], digits % 8 / 8.0);
    EXPECT_EQ(
        sample["reward"],
        digits % 8 / 8.0 + 0.5 * sample["components"]["format"].get<double>());
    EXPECT_THAT(sample["versions"]["digits"].get<std::string>(),
                StartsWith("1+"));
  }
  const ProgramResult again = RunProgram({"reward", "rescore", Dir("library")});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("48 samples, 0 verdicts differ"));
}

TEST_F(PluginRunTest, ItIsToldTheStep) {
  constexpr char kStep[] = R"(import json, sys
sys.stdin.readline()
print(json.dumps({"version": "1", "deterministic": True}), flush=True)
for line in sys.stdin:
    item = json.loads(line)
    print(json.dumps({"id": item["id"], "score": item["step"] / 8}), flush=True)
)";
  ASSERT_TRUE(WriteFileAtomic(ScriptPath(), kStep).ok());
  const ProgramResult result =
      Train("run", Plugin("python3 " + ScriptPath()), Rules(""));
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  const auto samples = Samples("run");
  ASSERT_EQ(samples.size(), 48u);
  for (const auto& sample : samples) {
    EXPECT_EQ(sample["components"]["digits"], sample["step"].get<int>() / 8.0);
  }
}

TEST_F(PluginRunTest, ACrashCostsExactlyItsSamples) {
  std::vector<std::string> more =
      Rules("option { key: \"crash\" value: \"5\" }");
  more.insert(more.end(), {"--set", "reward.max_error_share=1"});
  for (const std::string& target :
       {std::string(R1_DIGITS_PLUGIN), "python3 " + ScriptPath()}) {
    const std::string name = absl::StrCat("run-", target.size());
    const ProgramResult result = Train(name, Plugin(target), more);
    ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
    int errors = 0;
    for (const auto& sample : Samples(name)) {
      const std::string completion = sample["completion"];
      const bool crashes = completion.size() % 5 == 0;
      EXPECT_EQ(sample["kind"], crashes ? "error" : "score") << sample;
      errors += crashes;
    }
    EXPECT_GT(errors, 0);
  }
}

TEST_F(PluginRunTest, PastTheShareOfErrorsTheRunStopsAndSaysWhy) {
  const ProgramResult result =
      Train("run", Plugin(R1_DIGITS_PLUGIN),
            Rules("option { key: \"crash\" value: \"2\" }"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("above reward.max_error_share"));
  EXPECT_THAT(result.err, HasSubstr("the plugin ended by signal 6"));
}

TEST_F(PluginRunTest, APluginThatFailsOnAllRowsStopsTheRunBeforeItBegins) {
  const ProgramResult result =
      Train("run", Plugin(R1_DIGITS_PLUGIN),
            Rules("option { key: \"crash\" value: \"1\" }"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the rewards fail on 16 of 16 rows"));
  EXPECT_THAT(result.err, HasSubstr("the plugin ended by signal 6"));
  EXPECT_FALSE(FileExists(Dir("run")));
}

TEST_F(PluginRunTest, APluginThatCannotBeUsedStopsTheRunBeforeItBegins) {
  struct Case {
    std::string plugin, options, expected;
  };
  for (const Case& c : {
           Case{"/nowhere.so", "", "/nowhere.so"},
           Case{"no-such-program", "", "exited with status 127"},
           Case{R1_DIGITS_PLUGIN, "option { key: \"carsh\" value: \"5\" }",
                "unknown option \"carsh\""},
           Case{R1_OLD_PLUGIN, "", "version 999 of the plugin ABI"},
       }) {
    const ProgramResult result =
        Train("run", Plugin(c.plugin), Rules(c.options));
    EXPECT_EQ(result.exit_code, 1) << c.plugin;
    EXPECT_THAT(result.err, HasSubstr(c.expected));
    EXPECT_FALSE(ReadFile(Dir("run") + "/run.db").ok());
  }
}

// The whole example of reward/plugin/README.md, as it stands there.
TEST_F(PluginRunTest, TheExampleFromTrlAndVerlRuns) {
  const std::string plugin = R1_SOURCE_DIR "/reward/plugin/";
  const auto readme = ReadFile(plugin + "README.md");
  ASSERT_TRUE(readme.ok()) << readme.status();
  const size_t begin = readme->find("\n```bash\n");
  ASSERT_NE(begin, std::string::npos);
  const std::string script = readme->substr(begin + 9);
  const std::string bin = absl::StrCat(folder_.path(), "/bin");
  ASSERT_TRUE(MakeDirectories(bin).ok());
  ASSERT_EQ(::symlink(Program::BinaryPath().c_str(), (bin + "/r1").c_str()), 0);
  folder_.Write("example.sh",
                absl::StrCat("set -e; cd '", folder_.path(), "'; PATH='", bin,
                             "':$PATH; R1_PYTHON='", plugin, "python'\n",
                             script.substr(0, script.find("\n```\n") + 1)));
  Program bash({Dir("example.sh")}, "/bin/bash");
  const ProgramResult result = bash.Wait();
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  int scored = 0, not_applicable = 0;
  const std::string samples =
      RunProgram({"samples", Dir("run"), "--json", "--limit", "0"}).out;
  for (const auto& line : absl::StrSplit(samples, '\n', absl::SkipEmpty())) {
    const auto sample = nlohmann::json::parse(line.begin(), line.end());
    const auto reference =
        nlohmann::json::parse(sample["reference"].get<std::string>());
    ASSERT_EQ(sample["kind"], "score") << sample;
    const std::string text(absl::StripAsciiWhitespace(
        sample["completion"].get_ref<const std::string&>()));
    EXPECT_EQ(sample["components"]["accuracy"],
              text == reference["answer"] ? 1.0 : 0.0);
    EXPECT_EQ(sample["metrics"]["close/source_is_sums"], 1.0);
    const bool is_hard = reference["level"] == 1;
    EXPECT_EQ(sample["components"].contains("short"), !is_hard) << sample;
    not_applicable += is_hard;
    ++scored;
  }
  EXPECT_EQ(scored, 2 * 4 * 4);
  EXPECT_GT(not_applicable, 0);
  const std::string metrics = RunProgram({"metrics", Dir("run"), "--json"}).out;
  for (const char* name :
       {"reward/rule/accuracy", "reward/metric/accuracy/empty",
        "reward/metric/close/source_is_sums", "reward/not_applicable/short"}) {
    EXPECT_THAT(metrics, HasSubstr(absl::StrCat("\"", name, "\":")));
  }
  const auto report = ReadFile(Dir("run/report.html"));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(*report, HasSubstr("reward/metric/close/source_is_sums"));
  EXPECT_THAT(*report, HasSubstr("reward/rule/short"));
}

// `r1 reward test` tells an author of a wrong count.
TEST_F(PluginRunTest, TheCheckOfARewardCountsResults) {
  const std::string plugin = R1_SOURCE_DIR "/reward/plugin/";
  const std::string file = Dir("mine.py");
  ASSERT_TRUE(WriteFileAtomic(file,
                              "def once(completions, **columns):\n"
                              "    for text in completions:\n"
                              "        return [1.0]\n"
                              "def each(completions, **columns):\n"
                              "    return [1.0 for text in completions]\n")
                  .ok());
  const std::string command =
      absl::StrCat("python3 ", plugin, "python/r1_reward.py ", file);
  const ProgramResult once = RunProgram({"reward", "test", command + " once"});
  EXPECT_NE(once.exit_code, 0);
  EXPECT_THAT(once.out + once.err,
              HasSubstr("expected a list of 2 numbers, one a completion, got "
                        "1: [1.0]"));
  const ProgramResult each = RunProgram({"reward", "test", command + " each"});
  EXPECT_EQ(each.exit_code, 0) << each.out << each.err;
}

}  // namespace
}  // namespace r1
