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
#include "reward/core/text.h"
#include "reward/sandbox/embed_file.h"

R1_EMBED_FILE(r1_plain_data, R1_PLAIN_DATA_FILE);
R1_EMBED_FILE(r1_test_probe, R1_TEST_PROBE_FILE);
R1_EMBED_FILE(r1_function_tester, R1_FUNCTION_TESTER_FILE);
R1_EMBED_FILE(r1_function_candidate, R1_FUNCTION_CANDIDATE_FILE);

namespace r1 {
namespace {

using Json = nlohmann::json;

// What the tests themselves may take beside the candidate.
constexpr int64_t kTesterCpuMs = 20000, kTesterMemoryMb = 512;
constexpr int64_t kTesterMarginMs = 2000;

// `failures`: of a run that failed, to ask whether the tests did so by
// themselves; null to run them.
RunRequest TesterRun(const CodeReference& reference, bool all_tests,
                     const Json& failures) {
  RunRequest run;
  run.is_python = true;
  run.limits = reference.limits;
  run.limits.wall_ms += kTesterMarginMs;
  run.limits.cpu_ms = kTesterCpuMs;
  run.limits.memory_mb = kTesterMemoryMb;
  Json task = {{"tests", reference.function_tests},
               {"entry_point", reference.entry_point},
               {"helpers", reference.helpers},
               {"definitions", reference.definitions},
               {"in_place", reference.is_in_place},
               {"all", all_tests}};
  if (!failures.is_null()) task["failures"] = failures;
  run.files = {
      {"main.py", absl::StrCat(R1_EMBEDDED(r1_plain_data), "\n",
                               R1_EMBEDDED(r1_test_probe), "\n",
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

// What the tester says; an object without members if it came to an end before
// it could. Nobody else has a way to that stream.
Json ReportOf(const RunResult& tester) {
  Json report = Json::parse(tester.standard_output.begin(),
                            tester.standard_output.end(), nullptr, false);
  return report.is_object() ? report : Json::object();
}

}  // namespace

void CodeVerifier::ProbeTests(const CodeReference& reference,
                              const Json& failures, absl::Time deadline,
                              Judgement* judgement) {
  const RunRequest probe =
      TesterRun(reference, reference.is_fraction, failures);
  const RunResult run = RunOnce(probe, deadline, &judgement->is_past_deadline);
  if (judgement->is_past_deadline) return;
  const std::string bad =
      run.verdict == Verdict::kOk
          ? ReportOf(run).value("bad", std::string())
          : absl::StrCat("the tests do not end by themselves: ",
                         VerdictName(run.verdict));
  if (bad.empty() && run.verdict != Verdict::kSandboxError) return;
  judgement->verdict = Verdict::kSandboxError;
  judgement->is_bad_test = run.verdict != Verdict::kSandboxError;
  judgement->detail = judgement->is_bad_test ? bad : run.detail;
}

void CodeVerifier::JudgeFunction(const CodeReference& reference,
                                 absl::string_view source, absl::Time deadline,
                                 Judgement* judgement) {
  RunRequest tester = TesterRun(reference, reference.is_fraction, nullptr);
  RunRequest candidate = CandidateRun(reference, source);
  const int64_t left_ms = absl::ToInt64Milliseconds(deadline - absl::Now());
  if (left_ms <= 0) {
    judgement->is_past_deadline = true;
    return;
  }
  const bool is_cut = left_ms < tester.limits.wall_ms;
  if (is_cut) tester.limits.wall_ms = left_ms;
  candidate.limits.wall_ms = std::min(candidate.limits.wall_ms, left_ms);
  // A candidate that left its tests is on its way to an end of its own, which
  // says why.
  const auto [test_run, own_run] =
      sandbox_->RunLinked(tester, candidate, [](const RunResult& tests) {
        return !ReportOf(tests).value("gone", false);
      });
  if (test_run.verdict == Verdict::kSandboxError ||
      (own_run.verdict == Verdict::kSandboxError && !own_run.is_cancelled)) {
    judgement->detail = test_run.detail + own_run.detail;
    return;
  }
  if (is_cut && (test_run.verdict == Verdict::kTimeLimit ||
                 own_run.verdict == Verdict::kTimeLimit)) {
    judgement->is_past_deadline = true;
    return;
  }
  const Json report = ReportOf(test_run);
  if (const auto bad = report.find("bad"); bad != report.end()) {
    judgement->is_bad_test = true;
    judgement->detail = bad->is_string() ? bad->get<std::string>() : "";
    return;
  }
  judgement->num_passed = report.value("passed", 0);
  judgement->verdict = Verdict::kWrongAnswer;
  if (report.value("gone", false)) {
    // It ended before its tests did: by a limit, an error, or of its own will.
    judgement->detail = "the candidate ended before its tests";
    if (own_run.verdict != Verdict::kOk && !own_run.is_cancelled) {
      judgement->verdict = own_run.verdict;
      judgement->detail = RunDetail(own_run);
    }
  } else if (report.empty()) {
    judgement->detail = absl::StrCat("its results made the tests end by: ",
                                     VerdictName(test_run.verdict));
    ProbeTests(reference, Json::array(), deadline, judgement);
  } else if (judgement->num_passed == judgement->num_tests) {
    judgement->verdict = Verdict::kOk;
  } else {
    judgement->detail = Shown(report.value("problem", std::string()));
    const Json failures = report.value("failures", Json::array());
    if (!failures.empty()) {
      ProbeTests(reference, failures, deadline, judgement);
    }
  }
}

}  // namespace r1
