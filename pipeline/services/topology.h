// What computes a run, and how it is spread over processes, which never changes
// a result.
#ifndef R1_PIPELINE_SERVICES_TOPOLOGY_H_
#define R1_PIPELINE_SERVICES_TOPOLOGY_H_

#include <string>

namespace r1 {

struct Topology {
  std::string device = "cpu";  // of all processes; see FindDevice
  // Worker processes to start on this machine; 0: sample in this process;
  // kNoWorkers: leave all samples to workers that join at `listen`.
  static constexpr int kNoWorkers = -1;
  int workers = 0;
  // host:port where workers may join; empty: loopback, any free port, and only
  // if there are worker processes.
  std::string listen;
  // Processes of this machine that train together, this one included.
  int ranks = 1;
};

}  // namespace r1

#endif  // R1_PIPELINE_SERVICES_TOPOLOGY_H_
