// Every hostile program ends as it should, and leaves nothing.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "reward/code/cpp_compiler.h"
#include "tests/reward/sandbox/hostile_programs.h"
#include "tests/reward/sandbox/hostile_testing.h"
#include "tests/reward/sandbox/sandbox_testing.h"

namespace r1 {
namespace {

class HostileTest : public SandboxTest {
 protected:
  void SetUp() override {
    ::setenv("R1_TEST_SECRET", kSecret, 1);  // nothing inside may see it
    SandboxTest::SetUp();
  }

  // The program of all C++ rows; "", and a failure, if there is none.
  std::string CompileCppRows() {
    CppCompiler compiler(sandbox_.get(), "");
    const auto build =
        compiler.Compile(HostileCppSource(), absl::InfiniteFuture());
    EXPECT_EQ(build->verdict, Verdict::kOk) << build->message;
    return build->binary;
  }

  void ExpectNoProblem(const std::vector<HostileRun>& runs) {
    EXPECT_EQ(RunAll(runs, sandbox_.get(), has_cgroups()), "");
  }

  static constexpr char kSecret[] = "what-the-host-keeps";
};

TEST_F(HostileTest, TablesHaveEightyRowsAndMore) {
  EXPECT_GE(AllHostilePrograms().size(), 80u);
  EXPECT_GE(CppPrograms().size() + CppSources().size(), 80u);
}

TEST_F(HostileTest, ProgramsThatTakeTooMuchAreStopped) {
  ExpectNoProblem(PythonRuns(ProgramsThatTakeTooMuch()));
}

TEST_F(HostileTest, ProgramsThatReachOutAreHeld) {
  ExpectNoProblem(PythonRuns(ProgramsThatReachOut()));
}

TEST_F(HostileTest, ProgramsThatLookHonestAreJudgedByWhatTheyDo) {
  ExpectNoProblem(PythonRuns(ProgramsThatLookHonest()));
}

TEST_F(HostileTest, CppProgramsAreHeldAndStopped) {
  const std::string binary = CompileCppRows();
  ASSERT_NE(binary, "");
  ExpectNoProblem(CppRuns(binary));
}

TEST_F(HostileTest, AttacksOnTheCompilerAreCompileErrors) {
  CppCompiler compiler(sandbox_.get(), "");
  const std::vector<HostileProgram> rows = CppSources();
  std::atomic<size_t> next = 0;
  const auto judge = [&] {
    for (size_t i = next++; i < rows.size(); i = next++) {
      const auto build =
          compiler.Compile(rows[i].program, absl::InfiniteFuture());
      RunResult result;
      result.verdict = build->verdict;
      result.detail = build->message;
      if (build->verdict == Verdict::kOk) {
        RunRequest run = ExecRun({"/box/main"});
        run.files = {{"main", build->binary}};
        run.limits = HostileLimits(rows[i], /*is_brief=*/false);
        result = sandbox_->Run(run);
      }
      EXPECT_EQ(Problem(rows[i], result, has_cgroups()), "");
      EXPECT_EQ(build->message.find(kSecret), std::string::npos);
    }
  };
  std::thread other(judge);
  judge();
  other.join();
}

TEST_F(HostileTest, ARunFindsNothingOfTheOneBefore) {
  for (int i = 0; i < sandbox_->num_slots() * 2; ++i) {
    const RunResult left = sandbox_->Run(PythonRun(
        "import sys, math\n"
        "for d in ('/box', '/tmp', '/dev/shm'): open(d + '/left', 'w')\n"
        "math.pi = 3\nsys.modules['json'] = None\n"));
    ASSERT_EQ(left.verdict, Verdict::kOk) << left.standard_error;
    const RunResult next = sandbox_->Run(
        PythonRun("import os, math, json\n"
                  "print(sorted(os.listdir('/box')), os.listdir('/tmp'), "
                  "os.listdir('/dev/shm'), math.pi > 3.1)"));
    EXPECT_EQ(next.standard_output, "['main.py', 'shm', 'tmp'] [] [] True\n")
        << next.standard_error;
  }
}

TEST_F(HostileTest, NoProcessAndNoCgroupIsLeft) {
  const std::set<int> idle = Descendants();
  const std::vector<std::string> groups = CgroupsOf(idle);
  EXPECT_GT(idle.size(), 0u);
  if (has_cgroups()) {
    EXPECT_GT(groups.size(), 0u);
  }
  sandbox_->Run(PythonRun("print(1)"));  // starts a fork server
  sandbox_->Run(PythonRun("print(1)"));
  for (const char* program :
       {"import os\nwhile True: os.fork()",
        "import os, time\nif os.fork() == 0:\n  os.setsid()\n  "
        "time.sleep(1000)\n"}) {
    RunRequest run = PythonRun(program);
    run.limits.wall_ms = 1000;
    sandbox_->Run(run);
  }
  // The launchers, and at most a fork server for each.
  EXPECT_LE(Descendants().size(), idle.size() + sandbox_->num_slots());
  EXPECT_EQ(CgroupsOf(Descendants()), groups);
  sandbox_.reset();
  EXPECT_EQ(Descendants(), std::set<int>());
  EXPECT_EQ(CgroupsOf(idle), std::vector<std::string>());
}

// The long form: R1_SANDBOX_LOOPS=1000 build/tests/.../sandbox_test
// --gtest_filter='*Again*'.
TEST_F(HostileTest, TwoAtOnceAgainAndAgain) {
  int loops = 1;
  if (const char* value = std::getenv("R1_SANDBOX_LOOPS")) {
    ASSERT_TRUE(absl::SimpleAtoi(value, &loops));
  }
  std::vector<HostileRun> runs = PythonRuns(AllHostilePrograms(), true);
  const std::string binary = CompileCppRows();
  ASSERT_NE(binary, "");
  const std::vector<HostileRun> cpp = CppRuns(binary, true);
  runs.insert(runs.end(), cpp.begin(), cpp.end());
  std::mt19937 random(1);
  std::set<int> idle;
  for (int i = 0; i < loops; ++i) {
    std::shuffle(runs.begin(), runs.end(), random);  // other neighbours
    ASSERT_EQ(RunAll(runs, sandbox_.get(), has_cgroups()), "")
        << "in loop " << i;
    const std::set<int> now = Descendants();
    if (i == 0) idle = now;  // fork servers have started
    ASSERT_EQ(now, idle) << "in loop " << i;
    ASSERT_EQ(LeftOvers(idle), std::vector<std::string>()) << "in loop " << i;
  }
}

}  // namespace
}  // namespace r1
