// Judges programs by tests. Expected outputs stay outside the sandbox of the
// program; what it prints and how it exits decides nothing by itself.
#ifndef R1_REWARD_CODE_CODE_VERIFIER_H_
#define R1_REWARD_CODE_CODE_VERIFIER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json_fwd.hpp"
#include "reward/code/code_host.h"
#include "reward/code/code_reference.h"
#include "reward/code/cpp_compiler.h"
#include "reward/sandbox/preflight.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

struct Judgement {
  Verdict verdict = Verdict::kSandboxError;  // of the first test that failed
  int num_passed = 0;
  int num_tests = 0;
  std::string detail;             // why; "" for OK
  bool is_past_deadline = false;  // it was not finished; the rest says nothing
  // A test or checker is unusable, whatever the program: verdict IE as well,
  // which alone says that the sandbox failed.
  bool is_bad_test = false;
};

// A text of a program for people, in one short line: the same for equal runs,
// so without addresses of memory.
std::string Shown(absl::string_view text);

// How a run ended, for people: signal, exit code, its last line of errors.
std::string RunDetail(const RunResult& run);

// Threads: all functions may be called from any thread.
class CodeVerifier {
 public:
  // Starts the sandbox and tries it, whatever level it reaches.
  // Errors: FailedPrecondition, with what this machine refuses.
  static absl::StatusOr<std::unique_ptr<CodeVerifier>> Start(
      const CodeHost& host);
  // The one of this process, by ThisCodeHost(), as long as anybody has it.
  static absl::StatusOr<std::shared_ptr<CodeVerifier>> Shared();

  Sandbox* sandbox() { return sandbox_.get(); }
  const Preflight& preflight() const { return preflight_; }

  // What runs the program, without input and limits; verdict CE or IE where
  // there is nothing to run.
  struct Program {
    Verdict verdict = Verdict::kOk;
    std::string detail;
    bool is_past_deadline = false;  // it was not compiled by then
    RunRequest run;
  };
  Program Prepare(ProgramLanguage language, absl::string_view source,
                  absl::Time deadline);

  // Runs the tests until the first failure or, for a fraction, until the first
  // that is too slow. A program that was given the time of a whole test and has
  // not passed by the deadline is too slow.
  Judgement Judge(const CodeReference& reference, absl::string_view source,
                  absl::Time deadline);

 private:
  CodeVerifier() = default;

  RunResult RunOnce(const RunRequest& run, absl::Time deadline,
                    bool* is_past_deadline);
  void JudgeStdin(const CodeReference& reference, const Program& program,
                  absl::Time deadline, Judgement* judgement);
  void JudgeFunction(const CodeReference& reference, absl::string_view source,
                     absl::Time deadline, Judgement* judgement);
  // Asks whether function tests fail by themselves; makes them unusable if so.
  // `failures` as function_tester.py reports them; none: they did not end.
  void ProbeTests(const CodeReference& reference,
                  const nlohmann::json& failures, absl::Time deadline,
                  Judgement* judgement);
  RunResult RunChecker(const Program& checker, const StdinTest& test,
                       const std::string& output, absl::Time deadline,
                       bool* is_past_deadline);
  // OK, WA, or IE with a reason; bad test if that is the checker's fault: if it
  // fails on the expected output as well.
  Verdict Check(const Program& checker, const StdinTest& test,
                const std::string& output, absl::Time deadline,
                Judgement* judgement, std::string* detail);

  std::unique_ptr<Sandbox> sandbox_;
  std::unique_ptr<CppCompiler> compiler_;
  Preflight preflight_;
};

}  // namespace r1

#endif  // R1_REWARD_CODE_CODE_VERIFIER_H_
