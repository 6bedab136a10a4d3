// How much a machine can do at a time.
#ifndef R1_BASE_NUM_CORES_H_
#define R1_BASE_NUM_CORES_H_

#include <algorithm>
#include <thread>

namespace r1 {

// Threads that the processor runs at a time; 1 where that is not known.
inline int NumCores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace r1

#endif  // R1_BASE_NUM_CORES_H_
