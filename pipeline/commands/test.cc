// r1 test: belongs to the launcher, which knows where the build is.
#include "pipeline/commands/command.h"

namespace r1 {

CommandBody AddTest(CLI::App* app) {
  app->add_subcommand("test", "Run all tests (from the launcher: ./r1 test)");
  return [] {
    return absl::FailedPreconditionError(
        "the tests are run from the source tree: ./r1 test, or ctest "
        "--test-dir build");
  };
}

}  // namespace r1
