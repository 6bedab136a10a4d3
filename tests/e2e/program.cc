#include "tests/e2e/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/file.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

// A child's end is looked for so often.
constexpr absl::Duration kPoll = absl::Milliseconds(5);

std::string NewFolder() {
  std::string name = ::testing::TempDir() + "/r1-e2e-XXXXXX";
  R1_CHECK(::mkdtemp(name.data()) != nullptr, "a temporary folder");
  return name;
}

[[noreturn]] void Exec(const std::string& program, char* const* argv,
                       const std::string& out, const std::string& err) {
  ::setsid();  // without the terminal of whoever runs the test
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  ::dup2(::open(out.c_str(), flags, 0644), STDOUT_FILENO);
  ::dup2(::open(err.c_str(), flags, 0644), STDERR_FILENO);
  ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
  ::execv(program.c_str(), argv);
  ::_exit(127);
}

}  // namespace

std::string Program::BinaryPath() { return R1_BINARY; }

Program::Program(const std::vector<std::string>& arguments,
                 const std::string& program)
    : folder_(NewFolder()) {
  std::vector<std::string> copies = {"r1"};
  copies.insert(copies.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string out = folder_ + "/out", err = folder_ + "/err";
  pid_ = ::fork();
  if (pid_ == 0) Exec(program, argv.data(), out, err);
  R1_CHECK(pid_ > 0, "a child process");
}

Program::~Program() {
  if (!Reap()) {
    Kill(SIGKILL);
    ::waitpid(pid_, &wait_status_, 0);
  }
  RemoveAll(folder_).IgnoreError();
}

void Program::Kill(int signal) const { ::kill(pid_, signal); }

bool Program::Reap() {
  if (!has_ended_) {
    has_ended_ = ::waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  }
  return has_ended_;
}

ProgramResult Program::Wait(absl::Duration timeout) {
  ProgramResult result;
  const absl::Time deadline = absl::Now() + timeout;
  while (!Reap()) {
    if (absl::Now() > deadline) {
      result.timed_out = true;
      Kill(SIGKILL);
      ::waitpid(pid_, &wait_status_, 0);
      has_ended_ = true;
    }
    absl::SleepFor(kPoll);
  }
  result.exit_code = WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_)
                                             : 128 + WTERMSIG(wait_status_);
  result.out = out();
  result.err = err();
  return result;
}

bool Program::WaitForText(const std::string& part, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    const bool has_ended = Reap();
    if (absl::StrContains(out() + err(), part)) return true;
    if (has_ended || absl::Now() > deadline) return false;
    absl::SleepFor(kPoll);
  }
}

std::string Program::out() const {
  return ReadFile(folder_ + "/out").value_or("");
}
std::string Program::err() const {
  return ReadFile(folder_ + "/err").value_or("");
}

ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         absl::Duration timeout) {
  return Program(arguments).Wait(timeout);
}

std::vector<std::string> TinyTrain(const std::string& run_dir,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {
      "train", std::string(R1_SOURCE_DIR) + "/tests/data/two_stages.textproto",
      "--run-dir", run_dir};
  for (const char* setting :
       {"supervised.steps=20", "rl.steps=3", "rl.prompts=4", "rl.group_size=4",
        "rollout.max_new_tokens=48", "eval.problems=4", "eval.samples=2",
        "checkpoint.every=1",
        "reward.rule=[{name: \"countdown\"}, {name: \"format\"}, "
        "{name: \"overlong\"}]"}) {
    arguments.push_back("--set");
    arguments.push_back(setting);
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string HashOf(const std::string& run_dir) {
  const ProgramResult result = RunProgram({"hash", run_dir});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return std::string(absl::StripSuffix(result.out, "\n"));
}

}  // namespace r1
