// Runs hostile programs and says what is wrong with their ends.
#ifndef R1_TESTS_REWARD_SANDBOX_HOSTILE_TESTING_H_
#define R1_TESTS_REWARD_SANDBOX_HOSTILE_TESTING_H_

#include <set>
#include <string>
#include <vector>

#include "reward/sandbox/sandbox.h"
#include "tests/reward/sandbox/hostile_programs.h"

namespace r1 {

// Small ones. Where TLE is not expected there is time enough for a busy
// machine; is_brief: others end almost at once.
RunLimits HostileLimits(const HostileProgram& row, bool is_brief);

struct HostileRun {
  HostileProgram row;
  RunRequest request;
};

std::vector<HostileRun> PythonRuns(const std::vector<HostileProgram>& rows,
                                   bool is_brief = false);
// Of CppPrograms(); `binary` is HostileCppSource(), compiled.
std::vector<HostileRun> CppRuns(const std::string& binary,
                                bool is_brief = false);

// What is wrong with an end; empty if nothing is.
std::string Problem(const HostileProgram& row, const RunResult& result,
                    bool has_cgroups);
// Runs them on as many threads as there are slots; their problems.
std::string RunAll(const std::vector<HostileRun>& runs, Sandbox* sandbox,
                   bool has_cgroups);

// PIDs of this process's descendants.
std::set<int> Descendants();
// Cgroups of sandboxes whose launcher is one of these processes.
std::vector<std::string> CgroupsOf(const std::set<int>& launchers);
// What runs have left on the machine while none is under way: processes in
// those cgroups, and files of the users that programs run as.
std::vector<std::string> LeftOvers(const std::set<int>& launchers);

}  // namespace r1

#endif  // R1_TESTS_REWARD_SANDBOX_HOSTILE_TESTING_H_
