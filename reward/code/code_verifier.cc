#include "reward/code/code_verifier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num_cores.h"
#include "base/status_macros.h"
#include "reward/code/compare.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

// Exit codes of a checker, as testlib has them.
constexpr int kCheckerWrong = 1, kCheckerPresentation = 2;

// The last line of a text, without what ends it.
absl::string_view LastLine(absl::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const size_t line = text.rfind('\n');
  return line == absl::string_view::npos ? text : text.substr(line + 1);
}

}  // namespace

std::string Shown(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t hex = text.find("0x");
    absl::StrAppend(&out, text.substr(0, hex));
    if (hex == absl::string_view::npos) break;
    text.remove_prefix(hex + 2);
    const size_t end =
        std::min(text.find_first_not_of("0123456789abcdefABCDEF"), text.size());
    // An address is long.
    absl::StrAppend(&out, "0x", end < 7 ? text.substr(0, end) : "...");
    text.remove_prefix(end);
  }
  return Excerpt(out);
}

std::string RunDetail(const RunResult& run) {
  std::string detail = run.detail;
  const auto add = [&detail](const std::string& text) {
    absl::StrAppend(&detail, detail.empty() ? "" : ", ", text);
  };
  if (run.signal != 0) add(absl::StrCat("signal ", run.signal));
  if (run.exit_code != 0) add(absl::StrCat("exit ", run.exit_code));
  const absl::string_view error = LastLine(run.standard_error);
  if (!error.empty()) add(Shown(error));
  return detail;
}

absl::StatusOr<std::unique_ptr<CodeVerifier>> CodeVerifier::Start(
    const CodeHost& host) {
  auto verifier = std::unique_ptr<CodeVerifier>(new CodeVerifier);
  SandboxOptions sandbox;
  // Function tests take two slots, of which one waits for the other.
  sandbox.slots = host.slots;
  if (host.slots == 0) sandbox.slots = 2 * NumCores();
  sandbox.slots = std::max(sandbox.slots, 2);
  if (!host.cache.empty()) {
    const std::string folder = absl::StrCat(host.cache, "/cpp");
    const absl::Status made = MakeDirectories(folder);
    if (made.ok()) {
      sandbox.shared_folder = folder;
    } else {
      LogWarning(absl::StrCat("C++ compiles without a precompiled header: ",
                              made.message()));
    }
  }
  R1_ASSIGN_OR_RETURN(verifier->sandbox_, Sandbox::Start(sandbox));
  verifier->preflight_ = RunPreflight(verifier->sandbox_.get());
  verifier->compiler_ = std::make_unique<CppCompiler>(verifier->sandbox_.get(),
                                                      sandbox.shared_folder);
  return verifier;
}

absl::StatusOr<std::shared_ptr<CodeVerifier>> CodeVerifier::Shared() {
  static auto& mutex = *new absl::Mutex;
  static auto& shared = *new std::weak_ptr<CodeVerifier>;
  absl::MutexLock lock(&mutex);
  std::shared_ptr<CodeVerifier> verifier = shared.lock();
  if (verifier != nullptr) return verifier;
  R1_ASSIGN_OR_RETURN(verifier, Start(ThisCodeHost()));
  // One that got out of a probe in a busy moment is not kept.
  if (verifier->preflight().level != SandboxLevel::kNone) shared = verifier;
  LogInfo(
      absl::StrCat("sandbox: level ", LevelName(verifier->preflight().level)));
  return verifier;
}

CodeVerifier::Program CodeVerifier::Prepare(ProgramLanguage language,
                                            absl::string_view source,
                                            absl::Time deadline) {
  Program program;
  if (language == ProgramLanguage::kPython) {
    program.run.is_python = true;
    program.run.files = {{"main.py", std::string(source)}};
    return program;
  }
  const auto build = compiler_->Compile(std::string(source), deadline);
  program.is_past_deadline = build->is_past_deadline;
  program.verdict = build->verdict;
  program.detail = build->message;
  program.run.argv = {"/box/main"};
  program.run.files = {{"main", build->binary}};
  return program;
}

RunResult CodeVerifier::RunOnce(const RunRequest& run, absl::Time deadline,
                                bool* is_past_deadline) {
  RunRequest cut = run;
  const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
  cut.limits.wall_ms = std::clamp<int64_t>(left_ms, 1, run.limits.wall_ms);
  RunResult result = sandbox_->Run(cut);
  *is_past_deadline = result.verdict == Verdict::kTimeLimit &&
                      cut.limits.wall_ms < run.limits.wall_ms;
  return result;
}

RunResult CodeVerifier::RunChecker(const Program& checker,
                                   const StdinTest& test,
                                   const std::string& output,
                                   absl::Time deadline,
                                   bool* is_past_deadline) {
  RunRequest run = checker.run;
  if (run.is_python) {
    run.is_python = false;
    run.argv = {"/usr/bin/python3", "main.py"};
  }
  for (const char* name : {"input.txt", "output.txt", "answer.txt"}) {
    run.argv.push_back(name);
  }
  run.files.push_back({"input.txt", test.input});
  run.files.push_back({"output.txt", output});
  run.files.push_back({"answer.txt", test.expected});
  return RunOnce(run, deadline, is_past_deadline);
}

Verdict CodeVerifier::Check(const Program& checker, const StdinTest& test,
                            const std::string& output, absl::Time deadline,
                            Judgement* judgement, std::string* detail) {
  bool* const is_late = &judgement->is_past_deadline;
  const RunResult result = RunChecker(checker, test, output, deadline, is_late);
  if (*is_late || result.verdict == Verdict::kOk) return result.verdict;
  *detail = absl::StrCat("checker: ", RunDetail(result));
  if (result.verdict == Verdict::kSandboxError) return result.verdict;
  const bool is_wrong = result.verdict == Verdict::kRuntimeError &&
                        result.signal == 0 &&
                        (result.exit_code == kCheckerWrong ||
                         result.exit_code == kCheckerPresentation);
  if (is_wrong) return Verdict::kWrongAnswer;
  // It failed. One that is fit for the expected output did so by this one.
  const RunResult other =
      RunChecker(checker, test, test.expected, deadline, is_late);
  if (other.verdict == Verdict::kOk) {
    absl::StrAppend(detail, result.verdict == Verdict::kRuntimeError ? "" : " ",
                    VerdictName(result.verdict), " on ", Shown(output));
    return Verdict::kWrongAnswer;
  }
  judgement->is_bad_test = other.verdict != Verdict::kSandboxError;
  return Verdict::kSandboxError;
}

void CodeVerifier::JudgeStdin(const CodeReference& reference,
                              const Program& program, absl::Time deadline,
                              Judgement* judgement) {
  Program checker;
  if (reference.checker.has_value()) {
    checker = Prepare(reference.checker->language, reference.checker->source,
                      deadline);
    judgement->is_past_deadline = checker.is_past_deadline;
    if (checker.is_past_deadline) return;
    if (checker.verdict != Verdict::kOk) {
      judgement->is_bad_test = checker.verdict != Verdict::kSandboxError;
      judgement->detail =
          absl::StrCat("the checker does not compile: ", checker.detail);
      return;
    }
    checker.run.limits = reference.checker->limits;
  }
  RunRequest run = program.run;
  run.limits = reference.limits;
  judgement->verdict = Verdict::kOk;
  int64_t own_us = 0;  // what the program has taken of the item's time
  for (size_t i = 0; i < reference.stdin_tests.size(); ++i) {
    const StdinTest& test = reference.stdin_tests[i];
    run.standard_input = test.input;
    bool is_late = absl::Now() >= deadline;
    RunResult result;
    // On a machine that is busy once more, before it counts.
    for (int attempt = 0; attempt < 2 && !is_late; ++attempt) {
      result = RunOnce(run, deadline, &is_late);
      own_us += result.wall_us;
      if (result.verdict != Verdict::kTimeLimit ||
          result.cpu_us >= reference.limits.cpu_ms * 1000 / 2) {
        break;
      }
    }
    Verdict verdict = result.verdict;
    std::string detail = RunDetail(result);
    if (is_late) {
      // It had the whole time of a test and more: the delay is its own.
      if (own_us < reference.limits.wall_ms * 1000) {
        judgement->is_past_deadline = true;
        return;
      }
      verdict = Verdict::kTimeLimit;
      detail = "the time for all tests was used up";
    } else if (verdict == Verdict::kOk && reference.checker.has_value()) {
      verdict = Check(checker, test, result.standard_output, deadline,
                      judgement, &detail);
      if (judgement->is_past_deadline) return;
    } else if (verdict == Verdict::kOk &&
               !OutputMatches(test.expected, result.standard_output,
                              reference.compare, reference.tolerance)) {
      verdict = Verdict::kWrongAnswer;
      detail = absl::StrCat("printed ", Shown(result.standard_output));
    }
    if (verdict == Verdict::kOk) {
      ++judgement->num_passed;
      continue;
    }
    if (judgement->verdict == Verdict::kOk ||
        verdict == Verdict::kSandboxError) {
      judgement->verdict = verdict;
      judgement->detail = absl::StrCat("test ", i + 1, ": ", detail);
    }
    // Slow programs would use up the time that the score needs.
    if (!reference.is_fraction || verdict == Verdict::kSandboxError ||
        verdict == Verdict::kTimeLimit) {
      return;
    }
  }
}

Judgement CodeVerifier::Judge(const CodeReference& reference,
                              absl::string_view source, absl::Time deadline) {
  Judgement judgement;
  if (!reference.function_tests.empty()) {
    judgement.num_tests = reference.function_tests.size();
    JudgeFunction(reference, source, deadline, &judgement);
    return judgement;
  }
  judgement.num_tests = reference.stdin_tests.size();
  const Program program = Prepare(reference.language, source, deadline);
  judgement.is_past_deadline = program.is_past_deadline;
  if (program.verdict != Verdict::kOk) {
    judgement.verdict = program.verdict;
    judgement.detail = Shown(program.detail);
    return judgement;
  }
  JudgeStdin(reference, program, deadline, &judgement);
  return judgement;
}

}  // namespace r1
