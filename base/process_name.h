// What people and other machines call this process.
#ifndef R1_BASE_PROCESS_NAME_H_
#define R1_BASE_PROCESS_NAME_H_

#include <cstdint>
#include <string>

namespace r1 {

struct ProcessName {
  std::string host;
  int64_t pid = 0;
  // "Slurm job 4711", of an array "Slurm job 4711_3"; also PBS and LSF. Empty
  // outside of a job.
  std::string job;
};

// Reads the environment: call while no thread changes it.
ProcessName ThisProcess();

// "process 7995 on node7, Slurm job 4711".
std::string DescribeProcess(const ProcessName& process);

}  // namespace r1

#endif  // R1_BASE_PROCESS_NAME_H_
