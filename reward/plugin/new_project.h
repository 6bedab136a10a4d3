// `r1 reward new`: a project to begin a reward with.
#ifndef R1_REWARD_PLUGIN_NEW_PROJECT_H_
#define R1_REWARD_PLUGIN_NEW_PROJECT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace r1 {

enum class RewardLanguage {
  kCpp,     // a library
  kPython,  // a function behind python/r1_reward.py
  kGrpc,    // a server in Python
};

struct RewardProject {
  std::vector<std::string> files;     // as written, below the folder
  std::vector<std::string> commands;  // what to do next, in the folder
};

// Writes the example of reward/plugin/examples/ into `folder`, with `name` in
// place of "same_answer". The folder may exist; its files are never replaced.
// Errors: InvalidArgument for a name that no plugin can have; AlreadyExists for
// a file that is there, before anything is written; those of writing.
absl::StatusOr<RewardProject> WriteRewardProject(const std::string& name,
                                                 RewardLanguage language,
                                                 const std::string& folder);

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_NEW_PROJECT_H_
