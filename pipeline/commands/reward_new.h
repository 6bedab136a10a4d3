// r1 reward new: a project to begin a reward with.
#ifndef R1_PIPELINE_COMMANDS_REWARD_NEW_H_
#define R1_PIPELINE_COMMANDS_REWARD_NEW_H_

#include <utility>

#include "pipeline/commands/command.h"

namespace r1 {

// The subcommand of `r1 reward`, and what runs it.
std::pair<CLI::App*, CommandBody> AddRewardNew(CLI::App* reward);

}  // namespace r1

#endif  // R1_PIPELINE_COMMANDS_REWARD_NEW_H_
