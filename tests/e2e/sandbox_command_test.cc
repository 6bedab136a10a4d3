// r1 sandbox, as people run it.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/e2e/program.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class SandboxCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (RunProgram({"sandbox", "check"}).exit_code != 0) {
      GTEST_SKIP() << "needs a machine whose sandbox starts";
    }
  }

  Json Run(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"sandbox", "run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = RunProgram(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out, nullptr, false);
  }

  TestFolder folder_;
};

TEST_F(SandboxCommandTest, RunsPythonWithInputAndLimits) {
  const std::string input = folder_.Write("in", "20 22\n");
  const std::string sum =
      folder_.Write("sum.py",
                    "import sys\nprint(sum(map(int, input().split())))\n"
                    "print('note', file=sys.stderr)\n");
  Json report = Run({"--lang", "python", "--stdin", input, sum});
  EXPECT_EQ(report["verdict"], "OK");
  EXPECT_EQ(report["stdout"], "42\n");
  EXPECT_EQ(report["stderr"], "note\n");
  EXPECT_EQ(report["exit_code"], 0);
  EXPECT_GT(report["wall_ms"].get<double>(), 0);
  const std::string loop = folder_.Write("loop.py", "while True: pass\n");
  report = Run({"--lang", "python", "--cpu-ms", "100", loop});
  EXPECT_EQ(report["verdict"], "TLE");
  EXPECT_GE(report["cpu_ms"].get<double>(), 100);
}

TEST_F(SandboxCommandTest, EveryLimitHasItsVerdict) {
  const bool has_sums =
      RunProgram({"sandbox", "check", "--level", "full"}).exit_code == 0;
  struct Row {
    const char* program;
    std::vector<std::string> limit;
    const char* verdict;
  };
  const Row rows[] = {
      {"import time\ntime.sleep(100)", {"--wall-ms", "300"}, "TLE"},
      {"while True: pass", {"--cpu-ms", "100"}, "TLE"},
      {"while True: print('x' * 100)", {"--output-kb", "1"}, "OLE"},
      {"x = []\nwhile True: x.append('x' * 9999)", {"--mem-mb", "40"}, "MLE"},
      {"import os\nwhile True: os.fork()", {"--procs", "4"}, "PLE"},
      {"open('x', 'wb').write(bytes(9 << 20))", {"--disk-mb", "1"}, "RE"},
      {"import os\nos.kill(os.getpid(), 6)", {}, "RE"},
  };
  for (const Row& row : rows) {
    const std::string verdict = row.verdict;
    if (!has_sums && (verdict == "MLE" || verdict == "PLE")) continue;
    std::vector<std::string> arguments = {"--lang", "python",
                                          folder_.Write("x.py", row.program)};
    arguments.insert(arguments.end(), row.limit.begin(), row.limit.end());
    EXPECT_EQ(Run(arguments)["verdict"], verdict) << row.program;
  }
}

TEST_F(SandboxCommandTest, BytesThatAreNoTextAreReplaced) {
  const std::string program = folder_.Write(
      "bytes.py", "import os\nos.write(1, b'a\\xff\\0b')\nos._exit(9)\n");
  const Json report = Run({"--lang", "python", program});
  EXPECT_EQ(report["stdout"], std::string("a\xEF\xBF\xBD\0b", 6));
  EXPECT_EQ(report["verdict"], "RE");
  EXPECT_EQ(report["exit_code"], 9);
}

TEST_F(SandboxCommandTest, NamesWhatTheCompilerSays) {
  const std::string bad =
      folder_.Write("bad.cc", "int main() { return nothing; }\n");
  const Json report = Run({"--lang", "cpp", bad});
  EXPECT_EQ(report["verdict"], "CE");
  EXPECT_THAT(report["detail"].get<std::string>(), HasSubstr("nothing"));
}

TEST_F(SandboxCommandTest, CheckNamesLevelAndProbes) {
  const ProgramResult result = RunProgram({"sandbox", "check"});
  const Json report = Json::parse(result.out, nullptr, false);
  EXPECT_TRUE(report["level"] == "full" || report["level"] == "isolated");
  EXPECT_GE(report["probes"].size(), 12u);
}

TEST(SandboxCommandErrorsTest, WrongUseIsOneLine) {
  ProgramResult result = RunProgram({"sandbox", "run", "--lang", "go", "x"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--lang: go not in {python,cpp}"));
  result = RunProgram({"sandbox", "run", "--lang", "python", "/no/such/file"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "r1: cannot open /no/such/file: No such file or directory\n");
}

}  // namespace
}  // namespace r1
