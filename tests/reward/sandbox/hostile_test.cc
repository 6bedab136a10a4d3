// Every hostile program ends as it should, and leaves nothing.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "tests/reward/sandbox/hostile_programs.h"
#include "tests/reward/sandbox/sandbox_testing.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

RunResult RunHostile(const HostileProgram& row, Sandbox* sandbox) {
  RunRequest run = PythonRun(
      absl::StrCat(kHostilePrelude, row.program, "\n"),
      std::string(row.kind) == "stdin" ? std::string(1 << 20, '7') : "");
  run.limits.cpu_ms = 600;
  // A wall limit that ends a sleeper soon, but not an honest program of a busy
  // machine.
  run.limits.wall_ms = absl::StrContains(row.verdicts, "TLE") ? 1200 : 20000;
  const bool is_control = std::string(row.kind) == "control";
  run.limits.memory_mb = is_control ? 256 : 64;
  run.limits.processes = is_control ? 16 : 8;
  run.limits.output_kb = 64;
  run.limits.disk_mb = 4;
  return sandbox->Run(run);
}

// What is wrong; empty if nothing is.
std::string Problem(const HostileProgram& row, const RunResult& result,
                    bool has_cgroups) {
  const std::vector<std::string> expected = absl::StrSplit(row.verdicts, ' ');
  const std::string verdict = VerdictName(result.verdict);
  bool is_expected =
      std::find(expected.begin(), expected.end(), verdict) != expected.end();
  // Without cgroups a refused allocation or fork is the program's own error.
  const bool is_summed =
      expected[0] == "MLE" || expected[0] == "PLE" || expected[0] == "TLE";
  if (!has_cgroups && is_summed && verdict != "IE") is_expected = true;
  const bool is_output = row.output == nullptr || !has_cgroups ||
                         result.standard_output == row.output;
  if (is_expected && is_output &&
      !absl::StrContains(result.standard_output, "OUT")) {
    return "";
  }
  return absl::StrCat(
      row.kind, ", ", row.name, ": expected ", row.verdicts, ", got ", verdict,
      " signal ", result.signal, " exit ", result.exit_code, " cpu ",
      result.cpu_us / 1000, " ms wall ", result.wall_us / 1000,
      " ms, output \"", result.standard_output.substr(0, 200), "\", error \"",
      result.standard_error.substr(0, 400), "\" ", result.detail, "\n");
}

// Runs the rows on as many threads as there are slots.
std::string RunAll(const std::vector<HostileProgram>& rows, Sandbox* sandbox,
                   bool has_cgroups) {
  std::atomic<size_t> next = 0;
  std::vector<std::string> problems(rows.size());
  std::vector<std::thread> threads;
  for (int i = 0; i < sandbox->num_slots(); ++i) {
    threads.emplace_back([&] {
      for (size_t row = next++; row < rows.size(); row = next++) {
        problems[row] =
            Problem(rows[row], RunHostile(rows[row], sandbox), has_cgroups);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string all;
  for (const std::string& problem : problems) all += problem;
  return all;
}

// PIDs of this process's descendants.
std::set<int> Descendants() {
  std::multimap<int, int> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    std::ifstream in(entry.path() / "stat");
    std::string line;
    std::getline(in, line);
    const size_t close = line.rfind(')');
    if (close == std::string::npos) continue;
    const std::vector<std::string> words =
        absl::StrSplit(line.substr(close + 2), ' ');
    int parent = 0;
    if (words.size() > 1 && absl::SimpleAtoi(words[1], &parent)) {
      children.emplace(parent, pid);
    }
  }
  std::set<int> found;
  std::vector<int> open = {::getpid()};
  while (!open.empty()) {
    const int parent = open.back();
    open.pop_back();
    for (auto [it, end] = children.equal_range(parent); it != end; ++it) {
      found.insert(it->second);
      open.push_back(it->second);
    }
  }
  return found;
}

// Cgroups of sandboxes whose launcher was one of these processes.
std::vector<std::string> CgroupsOf(const std::set<int>& launchers) {
  std::vector<std::string> found;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(
           "/sys/fs/cgroup", fs::directory_options::skip_permission_denied,
           error);
       it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (error) break;
    const std::string name = it->path().filename();
    int pid = 0;
    absl::string_view number = name;
    if (absl::ConsumePrefix(&number, "r1-sandbox-") &&
        absl::SimpleAtoi(number, &pid) && launchers.contains(pid)) {
      found.push_back(it->path());
    }
  }
  return found;
}

using HostileTest = SandboxTest;

TEST_F(HostileTest, TableHasEightyRowsAndMore) {
  EXPECT_GE(AllHostilePrograms().size(), 80u);
}

TEST_F(HostileTest, ProgramsThatTakeTooMuchAreStopped) {
  EXPECT_EQ(RunAll(ProgramsThatTakeTooMuch(), sandbox_.get(), has_cgroups()),
            "");
}

TEST_F(HostileTest, ProgramsThatReachOutAreHeld) {
  EXPECT_EQ(RunAll(ProgramsThatReachOut(), sandbox_.get(), has_cgroups()), "");
}

TEST_F(HostileTest, ProgramsThatLookHonestAreJudgedByWhatTheyDo) {
  EXPECT_EQ(RunAll(ProgramsThatLookHonest(), sandbox_.get(), has_cgroups()),
            "");
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
  // Those that end by themselves or by a count, not by the clock.
  std::vector<HostileProgram> rows;
  for (const HostileProgram& row : AllHostilePrograms()) {
    if (!absl::StrContains(row.verdicts, "TLE")) rows.push_back(row);
  }
  std::reverse(rows.begin(), rows.end());  // other neighbours than above
  for (int i = 0; i < loops; ++i) {
    ASSERT_EQ(RunAll(rows, sandbox_.get(), has_cgroups()), "")
        << "in loop " << i;
  }
}

}  // namespace
}  // namespace r1
