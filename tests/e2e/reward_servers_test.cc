// Rewards of a run from servers: where they are computed, and which servers die
// meanwhile, does not change the run.
#include <signal.h>
#include <sys/stat.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/base/reserved_port.h"
#include "tests/e2e/held_reward.h"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::unique_ptr<Program> StartServer(
    const std::string& listen, const std::vector<std::string>& more = {},
    const std::string& program = Program::BinaryPath()) {
  std::vector<std::string> arguments = {"reward-server", "--listen", listen};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto server = std::make_unique<Program>(arguments, program);
  EXPECT_TRUE(server->WaitForText("listens on ")) << server->err();
  return server;
}

std::string AddressOf(const Program& server) {
  const std::string text = server.out();
  return std::string(
      absl::StripAsciiWhitespace(text.substr(text.rfind(' ') + 1)));
}

// The setting for these servers.
std::string Servers(const std::vector<std::string>& addresses) {
  return absl::StrCat("reward.server=[\"", absl::StrJoin(addresses, "\", \""),
                      "\"]");
}

class RunOnServersTest : public ::testing::Test {
 protected:
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  std::vector<std::string> Train(
      const std::string& name,
      const std::vector<std::string>& more = {}) const {
    return TinyTrain(Dir(name), more);
  }
  // A run without servers, by the same rules as the run "there" below.
  void RunHere() {
    const ProgramResult result =
        RunProgram(Train("here", held_.RulesAndPlugin()));
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  // A server with the plugin of these rules.
  std::unique_ptr<Program> StartHeldServer(const std::string& listen) const {
    return StartServer(listen,
                       {"--plugin", held_.Plugin(), "--timeout-ms", "3600000"});
  }
  std::vector<std::string> TrainThere(
      const std::vector<std::string>& addresses) const {
    std::vector<std::string> more = held_.Rules();
    more.insert(more.end(), {"--workers", "1", "--set", Servers(addresses)});
    return Train("there", more);
  }
  // All samples with rewards and advantages, as text.
  std::string Samples(const std::string& name) const {
    return RunProgram({"samples", Dir(name), "--json", "--limit", "0"}).out;
  }
  // The same hash, the same samples, each once.
  void ExpectEqualsRunHere(const std::string& name) const {
    EXPECT_EQ(HashOf(Dir(name)), HashOf(Dir("here")));
    const std::string samples = Samples(name);
    EXPECT_EQ(samples, Samples("here"));
    const std::vector<std::string> lines =
        absl::StrSplit(samples, '\n', absl::SkipEmpty());
    EXPECT_EQ(lines.size(), 3u * 4 * 4);  // steps x prompts x group
    EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(),
              lines.size());
    // As recorded, scores are what the rules say.
    const ProgramResult again = RunProgram(
        {"reward", "rescore", Dir(name), "--plugin", held_.Plugin()});
    EXPECT_THAT(again.err, HasSubstr("48 samples, 0 verdicts differ"));
  }

  TestFolder folder_;
  // The first call of a run, which goes to the first server, is held.
  const HeldReward held_{folder_.path(), 0};
};

TEST_F(RunOnServersTest, OneServerGivesTheSameRun) {
  RunHere();
  const auto server = StartHeldServer("127.0.0.1:0");
  const ProgramResult run = RunProgram(TrainThere({AddressOf(*server)}));
  EXPECT_EQ(run.exit_code, 0) << run.err;
  ExpectEqualsRunHere("there");
  server->Kill(SIGTERM);
  EXPECT_EQ(server->Wait().exit_code, 75);  // its work is never whole
}

TEST_F(RunOnServersTest, OneOfTwoServersIsKilledForGood) {
  RunHere();
  auto first = StartHeldServer("127.0.0.1:0");
  const auto second = StartHeldServer("127.0.0.1:0");
  const std::string dead = AddressOf(*first);
  held_.Hold();
  Program run(TrainThere({dead, AddressOf(*second)}));
  ASSERT_TRUE(held_.AwaitHeld()) << run.err();
  first.reset();  // SIGKILL
  ASSERT_TRUE(
      run.WaitForText(absl::StrCat("reward server ", dead, " does not answer")))
      << run.err();
  held_.Release();
  const ProgramResult result = run.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectEqualsRunHere("there");
}

TEST_F(RunOnServersTest, OneOfTwoServersIsKilledAndComesBack) {
  RunHere();
  const ReservedPort port;
  auto first = StartHeldServer(port.address());
  const auto second = StartHeldServer("127.0.0.1:0");
  held_.Hold();
  Program run(TrainThere({port.address(), AddressOf(*second)}));
  ASSERT_TRUE(held_.AwaitHeld()) << run.err();
  first.reset();  // SIGKILL
  ASSERT_TRUE(run.WaitForText("does not answer")) << run.err();
  first = StartHeldServer(port.address());
  ASSERT_TRUE(run.WaitForText(
      absl::StrCat("reward server ", port.address(), " answers again")))
      << run.err();
  held_.Release();
  const ProgramResult result = run.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectEqualsRunHere("there");
  // It has scored since: its counts are its own.
  const ProgramResult described =
      RunProgram({"reward", "describe", port.address()});
  EXPECT_EQ(described.exit_code, 0) << described.err;
  EXPECT_GT(Json::parse(described.out)["scores"], 0) << described.out;
}

TEST_F(RunOnServersTest, TwoBuildsAreRefused) {
  // The same program with one byte more is another build.
  const std::string other = folder_.path() + "/other-r1";
  ASSERT_TRUE(
      WriteFileAtomic(other, *ReadFile(Program::BinaryPath()) + "x").ok());
  ASSERT_EQ(::chmod(other.c_str(), 0755), 0);
  const auto first = StartServer("127.0.0.1:0");
  const auto second = StartServer("127.0.0.1:0", {}, other);
  const ProgramResult run = RunProgram(Train(
      "there", {"--set", Servers({AddressOf(*first), AddressOf(*second)})}));
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr(absl::StrCat(
                           "the reward servers ", AddressOf(*first), " and ",
                           AddressOf(*second), " are different programs")));
  EXPECT_FALSE(FileExists(Dir("there") + "/stages/rl/checkpoints"));
}

TEST_F(RunOnServersTest, DescribeAsJson) {
  const auto server = StartServer(
      "127.0.0.1:0",
      {"--threads", "1", "--max-calls", "7", "--timeout-ms", "2500"});
  const ProgramResult result =
      RunProgram({"reward", "describe", AddressOf(*server)});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json reply = Json::parse(result.out);
  EXPECT_THAT(RunProgram({"--version"}).out,
              HasSubstr(reply["build_id"].get<std::string>().substr(0, 12)));
  EXPECT_EQ(reply["threads"], 1);
  EXPECT_EQ(reply["max_calls"], 7);
  EXPECT_EQ(reply["item_timeout_ms"], 2500);
  EXPECT_EQ(reply["scores"], 0);
  bool has_code = false;
  for (const Json& rule : reply["rules"]) {
    if (rule["name"] != "code") continue;
    has_code = true;
    EXPECT_EQ(rule["is_deterministic"], true);
    EXPECT_EQ(rule["lowest"], 0);
    EXPECT_EQ(rule["state"], "");  // no sandbox has been started
  }
  EXPECT_TRUE(has_code) << result.out;
  const ProgramResult nobody =
      RunProgram({"reward", "describe", "127.0.0.1:1"});
  EXPECT_EQ(nobody.exit_code, 75);
  EXPECT_THAT(nobody.err, HasSubstr("reward server 127.0.0.1:1"));
}

// A file over two servers, of which one dies on the way: the same lines.
TEST_F(RunOnServersTest, AFileIsScoredByServersAsHere) {
  std::string text;
  for (int i = 0; i < 20000; ++i) {
    absl::StrAppend(&text, "{\"id\": ", i, ", \"completion\": \"<answer>",
                    i % 7, "</answer>\", \"reference\": ", i % 5, "}\n");
    if (i == 777) text += "nonsense\n";
  }
  const std::string file = folder_.Write("answers.jsonl", text);
  const std::vector<std::string> score = {"reward", "score", "--rule",
                                          "exact_answer", file};
  const ProgramResult here = RunProgram(score);
  EXPECT_EQ(here.exit_code, 1);  // a malformed line
  auto first = StartServer("127.0.0.1:0"), second = StartServer("127.0.0.1:0");
  std::vector<std::string> on_servers = score;
  on_servers.insert(
      on_servers.end(),
      {"--server", absl::StrCat(AddressOf(*first), ",", AddressOf(*second))});
  Program run(on_servers);
  ASSERT_TRUE(run.WaitForText("\"kind\"")) << run.err();
  first.reset();  // SIGKILL
  const ProgramResult there = run.Wait();
  EXPECT_EQ(there.exit_code, 1);
  EXPECT_TRUE(there.out == here.out);
  EXPECT_THAT(there.err, HasSubstr("20001 lines"));
  EXPECT_THAT(there.err, HasSubstr("on 2 servers"));
  EXPECT_THAT(there.err, HasSubstr("answers.jsonl:779: "));
}

}  // namespace
}  // namespace r1
