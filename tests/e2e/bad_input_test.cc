// What bad input gets: one clear line that names the thing, the place and the
// remedy, a non-zero exit code, and nothing written half.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kSmoke =
    std::string(R1_SOURCE_DIR) + "/tests/data/two_stages.textproto";

struct BadCase {
  std::vector<std::string> arguments;
  int exit_code;
  std::vector<std::string> parts;  // of the line
};

// Exactly one line on standard error, "r1: ...", with all the parts.
void ExpectRefused(const BadCase& c) {
  const ProgramResult result = RunProgram(c.arguments);
  const std::string what = absl::StrJoin(c.arguments, " ");
  EXPECT_FALSE(result.timed_out) << what;
  EXPECT_EQ(result.exit_code, c.exit_code) << what << "\n" << result.err;
  EXPECT_THAT(result.err, StartsWith("r1: ")) << what;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
      << what << "\n"
      << result.err;
  for (const std::string& part : c.parts) {
    EXPECT_THAT(result.err, HasSubstr(part)) << what;
  }
}

// A listening socket on a free port, so that the port is in use.
class TakenPort {
 public:
  TakenPort() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, generic, size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    EXPECT_EQ(::getsockname(fd_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { ::close(fd_); }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  int fd_, port_ = 0;
};

class BadInputTest : public ::testing::Test {
 protected:
  std::string Dir(const std::string& name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  // A whole run with a checkpoint, made when a test first asks for it.
  static std::string GoodRun() {
    if (good_ == nullptr) {
      good_ = std::make_unique<TestFolder>();
      const ProgramResult result = RunProgram(
          TinyTrain(good_->path() + "/run", {"--set", "rl.steps=1"}));
      EXPECT_EQ(result.exit_code, 0) << result.err;
    }
    return good_->path() + "/run";
  }
  static void TearDownTestSuite() { good_.reset(); }
  // A copy of its checkpoint, to be spoilt.
  std::string CopyOfCheckpoint(const std::string& name) {
    const std::string from = GoodRun() + "/stages/rl/checkpoints/step-1";
    const std::string to = Dir(name);
    EXPECT_TRUE(MakeDirectories(to).ok());
    for (const char* file : {"config.json", "model.safetensors",
                             "tokenizer.json", "generation_config.json"}) {
      EXPECT_TRUE(WriteFileAtomic(absl::StrCat(to, "/", file),
                                  *ReadFile(absl::StrCat(from, "/", file)))
                      .ok());
    }
    return to;
  }

  TestFolder folder_;

 private:
  static std::unique_ptr<TestFolder> good_;
};
std::unique_ptr<TestFolder> BadInputTest::good_;

TEST_F(BadInputTest, CommandLine) {
  const std::vector<BadCase> cases = {
      {{"trian"}, 2, {"there is no command \"trian\"", "\"train\"", "--help"}},
      {{"train"}, 2, {"RECIPE", "r1 train --help"}},
      {{"train", kSmoke}, 2, {"--run-dir", "r1 train --help"}},
      {{"train", kSmoke, "--run-dir", Dir("x"), "--workers", "many"},
       2,
       {"--workers", "many"}},
      {{"train", kSmoke, "--run-dir", Dir("x"), "--workers", "-1"},
       2,
       {"--workers", "-1"}},
      {{"train", kSmoke, "--run-dir", Dir("x"), "--wrokers", "1"},
       2,
       {"--wrokers"}},
      {{"eval", "m", "--samples", "0"}, 2, {"--samples", "0"}},
      {{"eval", "m", "--top-p", "2"}, 2, {"--top-p", "2"}},
      {{"generate", "m", "--temperature", "hot"}, 2, {"--temperature"}},
      {{"eval", "m", "--temperature", "nan"}, 2, {"--temperature", "nan"}},
      {{"quickstart", "--seed", "-1"}, 2, {"--seed", "0 or more", "-1"}},
      {{"generate", "m", "--seed", "99999999999999999999"}, 2, {"--seed"}},
      {{"samples", "m", "--step", "1.5"}, 2, {"--step", "1.5"}},
      {{"worker"}, 2, {"--join", "r1 worker --help"}},
      {{"hash"}, 2, {"MODEL", "r1 hash --help"}},
      {{"--verbose"}, 2, {"--verbose", "r1 --help"}},
      {{"test"}, 1, {"./r1 test"}},
  };
  for (const BadCase& c : cases) ExpectRefused(c);
  EXPECT_FALSE(FileExists(Dir("x")));
}

TEST_F(BadInputTest, HelpAndVersion) {
  for (const char* command :
       {"quickstart", "train", "worker", "reward-server", "eval", "generate",
        "metrics", "samples", "report", "hash"}) {
    const ProgramResult help = RunProgram({command, "--help"});
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("Examples:\n  r1 ")) << command;
    EXPECT_EQ(help.err, "");
    for (const auto line : absl::StrSplit(help.out, '\n')) {
      EXPECT_LE(line.size(), 80u) << command << ": " << line;
    }
  }
  EXPECT_THAT(RunProgram({"--version"}).out,
              ContainsRegex("^r1 [0-9.]+ build [0-9a-f]+\n$"));
  EXPECT_EQ(RunProgram({}).exit_code, 2);
}

TEST_F(BadInputTest, RewardTools) {
  for (const BadCase& c : std::vector<BadCase>{
           {{"reward", "score", "--rule", "magic", "x.jsonl"},
            1,
            {"\"magic\"", "countdown"}},
           {{"reward", "score", "--rule", "repetition", "--set", "m=3", "x"},
            1,
            {"\"repetition\"", "unknown option \"m\"", "known: n"}},
           {{"reward", "score", "--rule", "repetition", "--set", "m", "x"},
            1,
            {"--set m", "KEY=VALUE"}},
           {{"reward", "score", "--rule", "format", "no.jsonl"},
            1,
            {"no.jsonl"}},
           {{"reward", "score", "--rule", "format", "--server", "here", "x"},
            1,
            {"\"here\"", "HOST:PORT"}},
           {{"reward", "describe", "here"}, 1, {"\"here\"", "HOST:PORT"}},
           {{"reward", "score", "x"}, 2, {"--rule"}},
           {{"reward", "rescore", "no-run"}, 1, {"no-run"}},
       }) {
    ExpectRefused(c);
  }
  // Lines that can be scored are, in their order.
  const ProgramResult score = RunProgram(
      {"reward", "score", "--rule", "tag_count",
       folder_.Write("mixed.jsonl",
                     "{\"id\": 1, \"completion\": \"<think>\"}\n"
                     "{\"id\": 2}\n{\"id\": 3, \"completion\": \"\"}\n")});
  EXPECT_EQ(score.exit_code, 1);
  EXPECT_THAT(score.out,
              ContainsRegex("^.\"id\":1,\"kind\":\"score\",\"total\":0.25,.*\n"
                            ".\"id\":null,\"kind\":\"error\",.*jsonl:2: .*\n"
                            ".\"id\":3,\"kind\":\"score\",\"total\":0.0,"));
  EXPECT_THAT(
      score.err,
      ContainsRegex("3 lines in .* a second on .* 2 score .mean 0.125.\n"
                    "r1: 1 of 3 lines are malformed; the first: "
                    ".*jsonl:2: .completion.: expected a string"));
}

TEST_F(BadInputTest, Configurations) {
  const auto train = [&](const std::string& setting) {
    return std::vector<std::string>{"train",  kSmoke,  "--run-dir",
                                    Dir("x"), "--set", setting};
  };
  const std::vector<BadCase> cases = {
      {{"train", Dir("no.textproto"), "--run-dir", Dir("x")},
       1,
       {"no.textproto"}},
      {train("rl.setps=3"), 1, {"rl.setps", "rl.steps"}},
      {train("rl.steps=-1"), 1, {"rl.steps", "-1"}},
      {train("rl.steps"), 1, {"rl.steps"}},
      {TinyTrain(Dir("x"),
                 {"--set", "supervised.steps=0", "--set", "rl.steps=0"}),
       1,
       {"nothing to do", "0 steps"}},
      {train("rollout.max_new_tokens=100000"), 1, {"rollout.max_new_tokens"}},
      {train("reward.rule=[{name: \"magic\"}]"),
       1,
       {"reward.rule", "\"magic\"", "countdown"}},
      {train("reward.rule=[{name: \"format\" option {key: \"n\"}}]"),
       1,
       {"reward.rule", "\"format\"", "unknown option \"n\""}},
      {train("reward.server=\"nowhere\""), 1, {"reward.server", "host:port"}},
  };
  for (const BadCase& c : cases) ExpectRefused(c);
  // All mistakes of a file at once, one line each.
  const ProgramResult two = RunProgram(
      {"train",
       folder_.Write("bad.textproto", "stage { rl { setps: 1 } }\nmodle {}\n"),
       "--run-dir", Dir("x")});
  EXPECT_FALSE(FileExists(Dir("x")));
  EXPECT_EQ(two.exit_code, 1);
  EXPECT_THAT(two.err, ContainsRegex("r1: .*bad.textproto:1: .*setps.*\n"
                                     "r1: .*bad.textproto:2: .*modle.*\n"));
}

TEST_F(BadInputTest, ModelFolders) {
  const std::string truncated = CopyOfCheckpoint("truncated");
  const std::string tensors = *ReadFile(truncated + "/model.safetensors");
  folder_.Write("truncated/model.safetensors",
                tensors.substr(0, tensors.size() - 100));
  const std::string headless = CopyOfCheckpoint("headless");
  folder_.Write("headless/model.safetensors", tensors.substr(0, 5));
  const std::string wide = CopyOfCheckpoint("wide");
  auto config = nlohmann::json::parse(*ReadFile(wide + "/config.json"));
  config["intermediate_size"] = 200;
  folder_.Write("wide/config.json", config.dump());
  const std::string half = CopyOfCheckpoint("half");
  std::string other = tensors;
  other.replace(other.find("\"F32\""), 5, "\"I32\"");
  folder_.Write("half/model.safetensors", other);
  const std::string mute = CopyOfCheckpoint("mute");
  ::unlink((mute + "/tokenizer.json").c_str());
  const std::string tight = CopyOfCheckpoint("tight");
  config = nlohmann::json::parse(*ReadFile(tight + "/config.json"));
  config["vocab_size"] = 300;
  folder_.Write("tight/config.json", config.dump());

  const std::vector<BadCase> cases = {
      {{"hash", Dir("nothing")}, 1, {Dir("nothing"), "config.json"}},
      {{"hash", truncated}, 1, {"truncated/model.safetensors"}},
      {{"hash", headless}, 1, {"headless/model.safetensors"}},
      {{"hash", wide}, 1, {"model.layers.0.mlp", "200"}},
      {{"hash", half}, 1, {"half", "model.embed_tokens.weight", "I32", "F32"}},
      {{"generate", mute, "hello"}, 1, {"mute/tokenizer.json"}},
      {{"generate", tight, "hello"}, 1, {"tight", "300"}},
      {{"train", kSmoke, "--run-dir", Dir("x"), "--set",
        absl::StrCat("model.path=\"", Dir("nothing"), "\"")},
       1,
       {Dir("nothing")}},
      {{"generate", GoodRun(), ""}, 1, {"prompt"}},
      {{"generate", GoodRun() + "/stages/rl/checkpoints/step-1", "--raw", ""},
       1,
       {"the prompt is empty"}},
      {{"generate", GoodRun(), std::string(5000, '7')}, 1, {"context"}},
      {{"eval", GoodRun(), "--max-new-tokens", "320"},
       1,
       {"context of 320", "--max-new-tokens"}},
  };
  for (const BadCase& c : cases) {
    if (c.arguments.back().empty() && c.arguments[2].empty()) continue;
    ExpectRefused(c);
  }
}

TEST_F(BadInputTest, DataFiles) {
  const std::string bad_json = folder_.Write(
      "bad.jsonl", "{\"nums\": [1, 2], \"target\": 3}\n{\"nums\": [1, 2]\n");
  const std::string no_target =
      folder_.Write("target.jsonl",
                    "{\"nums\": [1, 2], \"target\": 3}\n{\"nums\": [1, 2]}\n");
  const std::string bad_text =
      folder_.Write("text.jsonl", "{\"text\": \"a\"}\n{\"prompt\": \"b\"}\n");
  const std::string empty = folder_.Write("empty.jsonl", "");
  const std::string numbers(4000, '1');
  const std::string longer = folder_.Write(
      "long.jsonl", absl::StrCat("{\"question\": \"", numbers,
                                 "\", \"answer\": \"1\"}\n{\"question\": \"",
                                 numbers, "2\", \"answer\": \"2\"}\n"));
  std::string gsm8k, no_answer;
  for (int i = 0; i < 20; ++i) {
    absl::StrAppend(&gsm8k, "{\"question\": \"q", i,
                    "\", \"answer\": \"So 3+4=<<3+4=7>>7.\\n#### 7\"}\n");
    absl::StrAppend(&no_answer, "{\"question\": \"q", i,
                    "\", \"solution\": \"7\", \"level\": 3}\n");
  }
  const std::string worked = folder_.Write("gsm8k.jsonl", gsm8k);
  const std::string solutions = folder_.Write("solutions.jsonl", no_answer);
  const std::string parquet = folder_.Write("rows.parquet", "PAR1....");
  const std::string blank =
      folder_.Write("blank.jsonl",
                    "{\"question\": \"q\", \"answer\": \"1\"}\n"
                    "{\"question\": \"\", \"answer\": \"2\"}\n");
  const auto train = [&](const std::string& file, const std::string& task) {
    std::vector<std::string> arguments =
        TinyTrain(Dir("x"), {"--set", absl::StrCat("task.kind=", task), "--set",
                             absl::StrCat("task.file=\"", file, "\"")});
    if (task == "QUESTION_ANSWER") {
      arguments.insert(arguments.end(),
                       {"--set", "supervised.steps=0", "--set",
                        absl::StrCat("model.path=", GoodRun(),
                                     "/stages/rl/checkpoints/step-0")});
    }
    return arguments;
  };
  const auto judged = [&](const std::string& file, const std::string& rule) {
    std::vector<std::string> arguments = train(file, "QUESTION_ANSWER");
    arguments.insert(arguments.end(),
                     {"--set", absl::StrCat("reward.rule=[{name: \"", rule,
                                            "\" weight: 1}]")});
    return arguments;
  };
  const std::vector<BadCase> cases = {
      {train(bad_json, "COUNTDOWN"), 1, {"bad.jsonl:2"}},
      {train(no_target, "COUNTDOWN"), 1, {"target.jsonl:2", "target"}},
      {train(empty, "COUNTDOWN"), 1, {"empty.jsonl"}},
      {train(Dir("none.jsonl"), "COUNTDOWN"), 1, {"none.jsonl"}},
      {train(parquet, "COUNTDOWN"), 1, {"rows.parquet", "a Parquet file"}},
      {judged(worked, "exact_answer"),
       1,
       {"gsm8k.jsonl", "\"exact_answer\" in 20 of 20 rows", "line 1",
        "task.answer_form: AFTER_HASHES"}},
      {judged(worked, "math"), 1, {"\"math\" in 20 of 20", "AFTER_HASHES"}},
      {judged(solutions, "math"),
       1,
       {"needs the field \"answer\"", "has only: solution, level"}},
      {judged(solutions, "code"),
       1,
       {"expected either stdin_tests or test", "level, solution"}},
      {{"eval", GoodRun(), "--data", worked, "--set",
        "reward.rule=[{name: \"exact_answer\"}]"},
       1,
       {"AFTER_HASHES"}},
      {{"eval", GoodRun(), "--data", parquet}, 1, {"a Parquet file"}},
      {{"eval", GoodRun(), "--data", folder_.path()}, 1, {"a folder"}},
      {{"eval", GoodRun(), "--data", blank, "--set",
        "task.template={question}"},
       1,
       {"prompt line 2 is empty"}},
      {{"eval", GoodRun(), "--data", bad_json}, 1, {"bad.jsonl:2"}},
      {{"eval", GoodRun(), "--data", "chess"}, 1, {"chess", "countdown"}},
      {{"eval", GoodRun(), "--data", longer}, 1, {"tokens", "line 1"}},
      {TinyTrain(Dir("x"),
                 {"--set", absl::StrCat("supervised.data=\"", bad_text, "\"")}),
       1,
       {"text.jsonl:2", "completion"}},
  };
  for (const BadCase& c : cases) {
    ExpectRefused(c);
    EXPECT_FALSE(FileExists(Dir("x")));  // nothing written
  }
  // Lengths are known once there is a tokenizer; no stage has begun then.
  const std::string long_text = folder_.Write(
      "long_text.jsonl", absl::StrCat("{\"text\": \"", numbers, "\"}\n"));
  ExpectRefused(
      {TinyTrain(Dir("y"), {"--set", absl::StrCat("supervised.data=\"",
                                                  long_text, "\"")}),
       1,
       {"long_text.jsonl:1", "context of 320"}});
  EXPECT_FALSE(FileExists(Dir("y") + "/stages/pretrain/checkpoints"));
}

TEST_F(BadInputTest, Addresses) {
  const TakenPort taken;
  const std::string file = folder_.Write("a_file", "text");
  const std::vector<BadCase> cases = {
      // The port may be free later.
      {{"reward-server", "--listen", taken.address()},
       75,
       {taken.address(), "in use"}},
      {TinyTrain(Dir("x"), {"--listen", taken.address()}),
       75,
       {taken.address(), "in use"}},
      // 192.0.2.0/24 is reserved for documentation: no machine has it.
      {{"reward-server", "--listen", "192.0.2.1:0"}, 1, {"192.0.2.1:0"}},
      {TinyTrain(Dir("x"), {"--listen", "192.0.2.1:0"}), 1, {"192.0.2.1:0"}},
      {{"reward-server", "--listen", "here"}, 1, {"here"}},
      {{"worker", "--join", "there:"}, 1, {"--join", "there:"}},
      {{"worker", "--join", "there:70000"}, 1, {"--join", "there:70000"}},
      {{"worker", "--join", file}, 1, {"--join", file, "is a file"}},
  };
  for (const BadCase& c : cases) ExpectRefused(c);
  // Says that it waits, then gives up.
  const ProgramResult worker = RunProgram(
      {"worker", "--join", "127.0.0.1:1", "--reconnect-seconds", "0.5"});
  EXPECT_EQ(worker.exit_code, 75);
  EXPECT_THAT(worker.err, ContainsRegex("waits for the coordinator.*\n"
                                        "r1: --join 127.0.0.1:1: .*\n$"));
}

// A reward server that is not there is waited for, visibly; nothing is written
// meanwhile, and Ctrl-C ends the wait.
TEST_F(BadInputTest, AnAbsentRewardServer) {
  Program train(
      TinyTrain(Dir("x"), {"--set", "reward.server=\"127.0.0.1:1\""}));
  EXPECT_TRUE(train.WaitForText("waiting for the reward server 127.0.0.1:1"));
  EXPECT_FALSE(FileExists(Dir("x")));
  train.Kill(SIGINT);
  const ProgramResult result = train.Wait();
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + SIGINT);
}

TEST_F(BadInputTest, RunFolders) {
  const std::string full = Dir("full");
  ASSERT_TRUE(MakeDirectories(full).ok());
  folder_.Write("full/letter.txt", "Dear");
  const std::vector<BadCase> cases = {
      {{"metrics", Dir("none")}, 1, {Dir("none"), "not a run folder"}},
      {{"samples", full}, 1, {full, "not a run folder"}},
      {{"report", full}, 1, {full, "not a run folder"}},
      {{"samples", GoodRun(), "--step", "99"}, 1, {"no such samples"}},
      {{"metrics", GoodRun(), "--stage", "sft"}, 1, {"no steps of stage sft"}},
      {TinyTrain(full), 1, {full, "letter.txt", "--run-dir"}},
      {TinyTrain(GoodRun(), {"--set", "rl.learning_rate=1e-5"}),
       1,
       {"another configuration", "rl.learning_rate", "--run-dir"}},
      {TinyTrain("/proc/run"), 1, {"/proc/run"}},
  };
  for (const BadCase& c : cases) ExpectRefused(c);
  EXPECT_EQ(ListDirectory(full)->size(), 1u);
}

// A file system of 1 MB of the test's own, where that can be had.
TEST_F(BadInputTest, AFullDisk) {
  const std::string mount = Dir("disk");
  ASSERT_TRUE(MakeDirectories(mount).ok());
  const std::string script =
      absl::StrCat("mount -t tmpfs -o size=1500k tmpfs ", mount,
                   " || exit 77; exec ", Program::BinaryPath(), " \"$@\"");
  std::vector<std::string> arguments = {"-rm", "sh", "-c", script, "sh"};
  const std::vector<std::string> train =
      TinyTrain(mount + "/run", {"--set", "rl.steps=200"});
  arguments.insert(arguments.end(), train.begin(), train.end());
  Program program(arguments, "/usr/bin/unshare");
  const ProgramResult result = program.Wait();
  if (result.exit_code == 77 || result.exit_code == 127 ||
      result.err.find("unshare") != std::string::npos) {
    GTEST_SKIP() << "needs a mount of its own: " << result.err;
  }
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
      << result.err;
  EXPECT_THAT(result.err, AllOf(StartsWith("r1: "), HasSubstr(mount),
                                ContainsRegex("disk|space")));
}

}  // namespace
}  // namespace r1
