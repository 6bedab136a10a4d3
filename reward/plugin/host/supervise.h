// Runs what may start processes of its own, so that none of them survives.
#ifndef R1_REWARD_PLUGIN_HOST_SUPERVISE_H_
#define R1_REWARD_PLUGIN_HOST_SUPERVISE_H_

#include <functional>

namespace r1 {

// Runs `run` in a child until it ends, or until nobody can write to standard
// input any more: r1 has closed it, or is gone, by kill -9, too. Then kills
// what is left of the child and of all that it started, in sessions of their
// own, too, and ends as the child did. Call it without threads.
[[noreturn]] void Supervise(const std::function<int()>& run);

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_HOST_SUPERVISE_H_
