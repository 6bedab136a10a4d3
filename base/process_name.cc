#include "base/process_name.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string JobName() {
  const std::string array = Environment("SLURM_ARRAY_JOB_ID");
  const std::string task = Environment("SLURM_ARRAY_TASK_ID");
  if (!array.empty() && !task.empty()) {
    return absl::StrCat("Slurm job ", array, "_", task);
  }
  const struct {
    const char *scheduler, *variable;
  } kSchedulers[] = {
      {"Slurm", "SLURM_JOB_ID"}, {"PBS", "PBS_JOBID"}, {"LSF", "LSB_JOBID"}};
  for (const auto& [scheduler, variable] : kSchedulers) {
    const std::string id = Environment(variable);
    if (!id.empty()) return absl::StrCat(scheduler, " job ", id);
  }
  return "";
}

}  // namespace

ProcessName ThisProcess() {
  char host[256] = "localhost";
  ::gethostname(host, sizeof(host) - 1);
  return {host, ::getpid(), JobName()};
}

std::string DescribeProcess(const ProcessName& process) {
  return absl::StrCat("process ", process.pid, " on ", process.host,
                      process.job.empty() ? "" : ", ", process.job);
}

}  // namespace r1
