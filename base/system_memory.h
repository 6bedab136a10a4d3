// How much memory this process can have.
#ifndef R1_BASE_SYSTEM_MEMORY_H_
#define R1_BASE_SYSTEM_MEMORY_H_

#include <cstdint>
#include <string>

namespace r1 {

// The smaller of the machine's memory and the limit of the control group of
// this process and of those above it (a container, a batch system's job).
int64_t SystemMemoryBytes();

// The least limit in the files memory.max (version 2) or memory.limit_in_bytes
// (version 1) of the groups that `groups`, the content of /proc/self/cgroup,
// names below `root`, and of those above them; `most` if there is none.
int64_t MemoryLimitOf(const std::string& groups, const std::string& root,
                      int64_t most);

}  // namespace r1

#endif  // R1_BASE_SYSTEM_MEMORY_H_
