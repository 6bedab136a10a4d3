#include "tests/reward/sandbox/hostile_testing.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/reward/sandbox/sandbox_testing.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kFirstUid = 1 << 28;  // of the users of slots

// The folders below one, itself included; those that vanish are skipped.
void FoldersBelow(const fs::path& folder, std::vector<fs::path>* found) {
  found->push_back(folder);
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error);
       !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code gone;
    if (it->symlink_status(gone).type() == fs::file_type::directory) {
      FoldersBelow(it->path(), found);
    }
  }
}

}  // namespace

RunLimits HostileLimits(const HostileProgram& row, bool is_brief) {
  const bool is_clocked = absl::StrContains(row.verdicts, "TLE");
  // Some of these go on until their time is over.
  const bool is_endless = absl::StrContains(row.verdicts, "PLE");
  const bool is_control = std::string(row.kind) == "control";
  RunLimits limits;
  limits.cpu_ms = is_clocked && is_brief     ? 30
                  : is_clocked || is_endless ? 600
                                             : 60000;
  limits.wall_ms = !is_clocked ? 240000 : is_brief ? 100 : 1200;
  limits.memory_mb = is_control ? 256 : is_brief ? 40 : 64;
  limits.processes = is_control ? 16 : 8;
  limits.output_kb = 64;
  limits.disk_mb = 4;
  return limits;
}

std::vector<HostileRun> PythonRuns(const std::vector<HostileProgram>& rows,
                                   bool is_brief) {
  std::vector<HostileRun> runs;
  for (const HostileProgram& row : rows) {
    const bool has_input = std::string(row.kind) == "stdin";
    HostileRun run = {
        row, PythonRun(absl::StrCat(kHostilePrelude, row.program, "\n"),
                       has_input ? std::string(1 << 20, '7') : "")};
    run.request.limits = HostileLimits(row, is_brief);
    runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<HostileRun> CppRuns(const std::string& binary, bool is_brief) {
  std::vector<HostileRun> runs;
  for (const HostileProgram& row : CppPrograms()) {
    HostileRun run = {row, ExecRun({"/box/main", absl::StrCat(runs.size())})};
    run.request.files = {{"main", binary}};
    run.request.limits = HostileLimits(row, is_brief);
    runs.push_back(std::move(run));
  }
  return runs;
}

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

std::string RunAll(const std::vector<HostileRun>& runs, Sandbox* sandbox,
                   bool has_cgroups) {
  std::atomic<size_t> next = 0;
  std::vector<std::string> problems(runs.size());
  std::vector<std::thread> threads;
  for (int i = 0; i < sandbox->num_slots(); ++i) {
    threads.emplace_back([&] {
      for (size_t i = next++; i < runs.size(); i = next++) {
        problems[i] =
            Problem(runs[i].row, sandbox->Run(runs[i].request), has_cgroups);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return absl::StrJoin(problems, "");
}

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

std::vector<std::string> CgroupsOf(const std::set<int>& launchers) {
  std::vector<fs::path> folders;
  FoldersBelow("/sys/fs/cgroup", &folders);
  std::vector<std::string> found;
  for (const fs::path& folder : folders) {
    const std::string name = folder.filename();
    absl::string_view number = name;
    int pid = 0;
    if (absl::ConsumePrefix(&number, "r1-sandbox-") &&
        absl::SimpleAtoi(number.substr(0, number.find('-')), &pid) &&
        launchers.contains(pid)) {
      found.push_back(folder);
    }
  }
  return found;
}

std::vector<std::string> LeftOvers(const std::set<int>& launchers) {
  std::vector<std::string> found;
  for (const std::string& cgroup : CgroupsOf(launchers)) {
    std::ifstream in(cgroup + "/cgroup.procs");
    for (std::string pid; in >> pid;) {
      found.push_back(absl::StrCat("process ", pid, " in ", cgroup));
    }
  }
  for (const char* folder : {"/tmp", "/var/tmp", "/dev/shm"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      struct stat info = {};
      if (::lstat(entry.path().c_str(), &info) == 0 &&
          info.st_uid >= kFirstUid) {
        found.push_back(entry.path());
      }
    }
  }
  return found;
}

}  // namespace r1
