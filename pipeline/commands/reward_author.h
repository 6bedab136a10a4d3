// r1 reward test and bench: tools for authors of rewards.
#ifndef R1_PIPELINE_COMMANDS_REWARD_AUTHOR_H_
#define R1_PIPELINE_COMMANDS_REWARD_AUTHOR_H_

#include <utility>

#include "pipeline/commands/command.h"

namespace r1 {

// Subcommands of `r1 reward`, and what runs each.
std::pair<CLI::App*, CommandBody> AddRewardTest(CLI::App* reward);
std::pair<CLI::App*, CommandBody> AddRewardBench(CLI::App* reward);

}  // namespace r1

#endif  // R1_PIPELINE_COMMANDS_REWARD_AUTHOR_H_
