// The program's command line.
#ifndef R1_PIPELINE_COMMANDS_COMMAND_LINE_H_
#define R1_PIPELINE_COMMANDS_COMMAND_LINE_H_

#include <string>

#include "absl/status/status.h"

namespace r1 {

// Runs `r1 COMMAND ...` and returns the exit code: 0 done, 1 failed, 2 wrong
// usage, 75 not done but the same command goes on. A failure is one line
// "r1: ..." on standard error (one a mistake for a configuration with several).
int RunCommandLine(int argc, char** argv);

}  // namespace r1

#endif  // R1_PIPELINE_COMMANDS_COMMAND_LINE_H_
