// Function tests: the tests in one sandbox, the candidate in another, and plain
// data between them.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "reward/code/code_verifier.h"
#include "reward/sandbox/embed_file.h"
#include "reward/text.h"

R1_EMBED_FILE(r1_plain_data, R1_PLAIN_DATA_FILE);
R1_EMBED_FILE(r1_function_tester, R1_FUNCTION_TESTER_FILE);
R1_EMBED_FILE(r1_function_candidate, R1_FUNCTION_CANDIDATE_FILE);

namespace r1 {
namespace {

using Json = nlohmann::json;

// What the tests themselves may take beside the candidate.
constexpr int64_t kTesterCpuMs = 20000, kTesterMemoryMb = 512;
constexpr int64_t kTesterMarginMs = 2000;

RunRequest TesterRun(const CodeReference& reference, bool all_tests) {
  RunRequest run;
  run.is_python = true;
  run.limits = reference.limits;
  run.limits.wall_ms += kTesterMarginMs;
  run.limits.cpu_ms = kTesterCpuMs;
  run.limits.memory_mb = kTesterMemoryMb;
  const Json task = {{"tests", reference.function_tests},
                     {"entry_point", reference.entry_point},
                     {"all", all_tests}};
  run.files = {
      {"main.py", absl::StrCat(R1_EMBEDDED(r1_plain_data), "\n",
                               R1_EMBEDDED(r1_function_tester))},
      {"tests.json", task.dump(-1, ' ', true, Json::error_handler_t::replace)}};
  return run;
}

RunRequest CandidateRun(const CodeReference& reference,
                        absl::string_view source) {
  RunRequest run;
  run.is_python = true;
  run.limits = reference.limits;
  run.files = {{"main.py", absl::StrCat(R1_EMBEDDED(r1_plain_data), "\n",
                                        R1_EMBEDDED(r1_function_candidate))},
               {"solution.py", std::string(source)}};
  return run;
}

}  // namespace

void CodeVerifier::JudgeFunction(const CodeReference& reference,
                                 absl::string_view source, absl::Time deadline,
                                 Judgement* judgement) {
  RunRequest tester = TesterRun(reference, options_.is_fraction);
  RunRequest candidate = CandidateRun(reference, source);
  const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
  if (left_ms <= 0) {
    judgement->is_past_deadline = true;
    return;
  }
  const bool is_cut = left_ms < tester.limits.wall_ms;
  if (is_cut) tester.limits.wall_ms = left_ms;
  candidate.limits.wall_ms = std::min(candidate.limits.wall_ms, left_ms);
  const auto [test_run, own_run] = sandbox_->RunLinked(tester, candidate);

  // The report is the tester's alone: the candidate has no way to that stream.
  const Json report =
      Json::parse(test_run.standard_output.begin(),
                  test_run.standard_output.end(), nullptr, false);
  judgement->verdict = Verdict::kWrongAnswer;
  if (test_run.verdict == Verdict::kSandboxError ||
      own_run.verdict == Verdict::kSandboxError) {
    // Cancelled when the tests are over, a candidate has no end of its own.
    if (test_run.verdict == Verdict::kSandboxError || !own_run.is_cancelled) {
      judgement->verdict = Verdict::kSandboxError;
      judgement->detail = test_run.detail + own_run.detail;
      return;
    }
  }
  if (is_cut && (test_run.verdict == Verdict::kTimeLimit ||
                 own_run.verdict == Verdict::kTimeLimit)) {
    judgement->is_past_deadline = true;
    return;
  }
  if (report.is_object() && report.contains("bad")) {
    judgement->verdict = Verdict::kSandboxError;
    judgement->is_bad_test = true;
    judgement->detail = report["bad"].is_string()
                            ? report["bad"].get<std::string>()
                            : "unusable test";
    return;
  }
  if (report.is_object()) judgement->num_passed = report.value("passed", 0);
  const bool is_gone = report.is_object() && report.value("gone", false);
  if (report.is_object() && !is_gone) {
    if (judgement->num_passed == judgement->num_tests) {
      judgement->verdict = Verdict::kOk;
      return;
    }
    judgement->detail = Excerpt(report.value("problem", std::string()));
    return;
  }
  // It ended before its tests did: by a limit, an error, or of its own will.
  if (own_run.verdict != Verdict::kOk && !own_run.is_cancelled) {
    judgement->verdict = own_run.verdict;
    judgement->detail = RunDetail(own_run);
  } else if (test_run.verdict != Verdict::kOk) {
    judgement->detail = absl::StrCat("the tests reached a limit: ",
                                     VerdictName(test_run.verdict));
  } else {
    judgement->detail = "the candidate ended before its tests";
  }
}

}  // namespace r1
