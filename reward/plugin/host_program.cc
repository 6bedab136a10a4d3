#include "reward/plugin/host_program.h"

#include "reward/sandbox/embed_file.h"

R1_EMBED_FILE(r1_reward_host, R1_REWARD_HOST_FILE);

namespace r1 {

absl::string_view HostProgram() { return R1_EMBEDDED(r1_reward_host); }

}  // namespace r1
