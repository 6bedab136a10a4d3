// The tests of a problem, as data files give them.
#ifndef R1_REWARD_CODE_CODE_REFERENCE_H_
#define R1_REWARD_CODE_CODE_REFERENCE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reward/code/compare.h"
#include "reward/code/language.h"
#include "reward/sandbox/sandbox.h"

namespace r1 {

struct StdinTest {
  std::string input;
  std::string expected;
};

struct Checker {
  ProgramLanguage language = ProgramLanguage::kCpp;
  std::string source;
  RunLimits limits = {
      .wall_ms = 30000, .cpu_ms = 10000, .memory_mb = 512, .disk_mb = 256};
};

struct CodeReference {
  ProgramLanguage language = ProgramLanguage::kPython;
  // One of the two is there.
  std::vector<StdinTest> stdin_tests;
  std::vector<std::string> function_tests;  // pieces of Python

  CompareRule compare = CompareRule::kTokens;
  double tolerance = kFloatTolerance;
  std::optional<Checker> checker;  // in place of compare
  // Of function tests: "function" or "Class.method".
  std::string entry_point;
  std::vector<std::string> helpers;  // the candidate's, beside the entry point
  // Python that the problem comes with: what tests use and do not define.
  std::vector<std::string> definitions;
  bool is_in_place = false;  // what a call changes in its arguments comes back
  RunLimits limits;          // the rule's, with the problem's own
  bool is_fraction = false;  // the rule's: judge all tests
};

// {"language": "python" | "cpp", "stdin_tests": [[input, output], ...],
//  "compare": see compare.h, "tolerance": 1e-6,
//  "checker": {"language": ..., "source": ...}}
// or {"language": "python", "entry_point": name, "test": text or [text, ...],
//  "helpers": [name, ...], "in_place": true | false}; an entry point is the
//  name of a function, "Class.method" or "Class().method".
// HumanEval's rows are read as they are, with what the prompt defines for the
// tests; MBPP's too, {"test_list", "test_setup_code", "code"}: their entry
// point is the function of the solution that the tests call first, and other
// names of the solution are there for the tests. A row without tests of its own
// may have this object in its "answer", also as text. Both, and a checker, may
// have "wall_ms", "cpu_ms" and "memory_mb". The language is python where none
// is given, compare is tokens, checker none. Other keys are ignored, as they
// may be other rules'. Errors: InvalidArgument, also for no test and for both
// kinds, for expected outputs that are all empty without a checker, and for
// more than 64 MiB.
absl::StatusOr<CodeReference> ParseCodeReference(absl::string_view json,
                                                 const RunLimits& limits);

}  // namespace r1

#endif  // R1_REWARD_CODE_CODE_REFERENCE_H_
