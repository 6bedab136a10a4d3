// Where the host process finds the library that it is to load.
#ifndef R1_REWARD_PLUGIN_HOST_LIBRARY_FD_H_
#define R1_REWARD_PLUGIN_HOST_LIBRARY_FD_H_

namespace r1 {

// A copy of the file in memory, made when the plugin was loaded: a process that
// is started again after a crash runs the same library, whatever the file has
// become.
inline constexpr int kLibraryFd = 3;

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_HOST_LIBRARY_FD_H_
