// The launcher and the fork server as bytes inside the program: nothing has to
// be found, or can be exchanged, where it runs.
#ifndef R1_REWARD_SANDBOX_EMBEDDED_H_
#define R1_REWARD_SANDBOX_EMBEDDED_H_

#include "absl/strings/string_view.h"

namespace r1 {

absl::string_view LauncherProgram();  // a static executable
absl::string_view ZygoteLibrary();    // a shared object
absl::string_view ZygoteScript();

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_EMBEDDED_H_
