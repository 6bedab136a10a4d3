// Runs the r1 program as a person would: arguments in, exit code and text out.
#ifndef R1_TESTS_E2E_PROGRAM_H_
#define R1_TESTS_E2E_PROGRAM_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace r1 {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal if killed by one
  bool timed_out = false;
  std::string out, err;
};

// Bounds nothing but a hang: a run of some seconds on a quiet machine takes
// minutes on a slow one that has much else to do.
inline constexpr absl::Duration kPatience = absl::Minutes(4);

// A process in a session of its own, killed when this object goes.
class Program {
 public:
  // `program` may be another file than the r1 binary.
  explicit Program(const std::vector<std::string>& arguments,
                   const std::string& program = BinaryPath());
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void Kill(int signal) const;
  // Waits for the end; kills it at the timeout.
  ProgramResult Wait(absl::Duration timeout = kPatience);
  // True once standard output and error together hold `part`.
  bool WaitForText(const std::string& part, absl::Duration timeout = kPatience);
  std::string out() const;
  std::string err() const;

  static std::string BinaryPath();

 private:
  bool Reap();  // true if it has ended

  pid_t pid_ = -1;
  bool has_ended_ = false;
  int wait_status_ = 0;
  std::string folder_;  // of its output files
};

// Runs to the end.
ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         absl::Duration timeout = kPatience);

// tests/data/two_stages.textproto in a second or two: with few steps, paid by
// length as well, since right answers are too rare for the weights to change.
// Followed by `more`.
std::vector<std::string> TinyTrain(const std::string& run_dir,
                                   const std::vector<std::string>& more = {});

// `r1 hash` of a run; empty (and a test failure) if that fails.
std::string HashOf(const std::string& run_dir);

}  // namespace r1

#endif  // R1_TESTS_E2E_PROGRAM_H_
