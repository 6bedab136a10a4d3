// One sandbox for the cases of a test, and what must not be left behind.
#ifndef R1_TESTS_REWARD_SANDBOX_SANDBOX_TESTING_H_
#define R1_TESTS_REWARD_SANDBOX_SANDBOX_TESTING_H_

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

inline RunRequest PythonRun(std::string program, std::string input = "") {
  RunRequest run;
  run.is_python = true;
  run.files = {{"main.py", std::move(program)}};
  run.standard_input = std::move(input);
  return run;
}

inline RunRequest ExecRun(std::vector<std::string> argv) {
  RunRequest run;
  run.argv = std::move(argv);
  return run;
}

// Skips where this machine has no namespaces for us.
class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Sandbox::Start(SandboxOptions());
    if (!started.ok()) {
      GTEST_SKIP() << "needs a machine whose sandbox starts";
    }
    sandbox_ = *std::move(started);
  }

  bool has_cgroups() const {
    return sandbox_->machine().memory_cgroup != 0 &&
           sandbox_->machine().pids_cgroup != 0;
  }

  std::unique_ptr<Sandbox> sandbox_;
};

}  // namespace r1

#endif  // R1_TESTS_REWARD_SANDBOX_SANDBOX_TESTING_H_
