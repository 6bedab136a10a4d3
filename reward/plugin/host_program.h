// The program that loads a library with a reward (host/host_main.cc), inside
// this one.
#ifndef R1_REWARD_PLUGIN_HOST_PROGRAM_H_
#define R1_REWARD_PLUGIN_HOST_PROGRAM_H_

#include "absl/strings/string_view.h"

namespace r1 {

absl::string_view HostProgram();

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_HOST_PROGRAM_H_
