#include "base/process_name.h"

#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

std::string JobWith(const std::map<std::string, std::string>& environment) {
  for (const char* name : {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID",
                           "SLURM_ARRAY_TASK_ID", "PBS_JOBID", "LSB_JOBID"}) {
    ::unsetenv(name);
  }
  for (const auto& [name, value] : environment) {
    ::setenv(name.c_str(), value.c_str(), /*overwrite=*/1);
  }
  return ThisProcess().job;
}

TEST(ProcessNameTest, TheJobIsTheOneThatItsSchedulerSays) {
  EXPECT_EQ(JobWith({}), "");
  EXPECT_EQ(JobWith({{"SLURM_JOB_ID", "12"}}), "Slurm job 12");
  EXPECT_EQ(JobWith({{"SLURM_JOB_ID", "14"},
                     {"SLURM_ARRAY_JOB_ID", "12"},
                     {"SLURM_ARRAY_TASK_ID", "3"}}),
            "Slurm job 12_3");
  EXPECT_EQ(JobWith({{"PBS_JOBID", "12.server"}}), "PBS job 12.server");
  EXPECT_EQ(JobWith({{"LSB_JOBID", "9"}}), "LSF job 9");
  JobWith({});
}

TEST(ProcessNameTest, NamesHostAndProcess) {
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof(host) - 1), 0);
  const ProcessName name = ThisProcess();
  EXPECT_EQ(name.host, host);
  EXPECT_EQ(name.pid, ::getpid());
  EXPECT_EQ(DescribeProcess({"node7", 7995, ""}), "process 7995 on node7");
  EXPECT_EQ(DescribeProcess({"node7", 7995, "Slurm job 12_3"}),
            "process 7995 on node7, Slurm job 12_3");
}

}  // namespace
}  // namespace r1
