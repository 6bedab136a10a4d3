// Cgroups of both versions in folders that look like them.
#include "reward/sandbox/launcher/cgroup.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

class CgroupTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) {
    return absl::StrCat(folder_.path(), "/", name);
  }
  // Folders as needed, and a file in the last.
  void Write(const std::string& name, const std::string& content) {
    const std::string path = Path(name);
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileAtomic(path, content).ok());
  }
  std::string Read(const std::string& name) {
    return ReadFile(Path(name)).value_or("(none)");
  }
  // A file of the kernel's that keeps what it says, whatever is written to it.
  void WriteFixed(const std::string& name, const std::string& content) {
    const int fd = ::memfd_create("fixed", MFD_ALLOW_SEALING);
    ASSERT_EQ(::write(fd, content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    ASSERT_EQ(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    Write(name, "");
    ::unlink(Path(name).c_str());
    ASSERT_EQ(::symlink(absl::StrCat("/proc/self/fd/", fd).c_str(),
                        Path(name).c_str()),
              0);
  }
  std::string Mount(const std::string& root, const std::string& name,
                    const std::string& type, const std::string& options) {
    return absl::StrCat("31 23 0:28 ", root, " ", Path(name),
                        " rw,relatime shared:9 - ", type, " ", type, " ",
                        options, "\n");
  }
  void Describe(const std::string& mounts, const std::string& groups) {
    Write("process/mountinfo", mounts);
    Write("process/cgroup", groups);
  }

  TestFolder folder_;
};

TEST_F(CgroupTest, NoHierarchiesAreNoCgroups) {
  Describe("31 23 0:28 / / rw - ext4 /dev/sda rw\n", "0::/\n");
  const SlotCgroup cgroup("slot", Path("process"));
  EXPECT_EQ(cgroup.memory_version(), 0);
  EXPECT_EQ(cgroup.pids_version(), 0);
  EXPECT_EQ(cgroup.cpu_version(), 0);
  EXPECT_TRUE(cgroup.IsEmpty());
  EXPECT_EQ(cgroup.CpuMicros() + cgroup.OomKills() + cgroup.RefusedForks() +
                cgroup.PeakBytes(),
            0u);
}

TEST_F(CgroupTest, Version1IsUsedControllerByController) {
  Describe(absl::StrCat(Mount("/", "memory", "cgroup", "rw,memory"),
                        // A container that sees its own part only.
                        Mount("/box", "cpu", "cgroup", "rw,cpu,cpuacct")),
           "4:memory:/job\n3:cpu,cpuacct:/box/inner\n2:pids:/job\n");
  for (const char* folder : {"memory/job/slot", "cpu/inner/slot"}) {
    Write(absl::StrCat(folder, "/tasks"), "");
    Write(absl::StrCat(folder, "/cgroup.procs"), "");
  }
  for (const char* file : {"limit_in_bytes", "memsw.limit_in_bytes",
                           "max_usage_in_bytes", "usage_in_bytes"}) {
    Write(absl::StrCat("memory/job/slot/memory.", file), "");
  }
  const std::string oom = "memory/job/slot/memory.oom_control";
  Write(oom, "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  Write("cpu/inner/slot/cpuacct.usage", "5000000\n");
  SlotCgroup cgroup("slot", Path("process"));
  EXPECT_EQ(cgroup.memory_version(), 1);
  EXPECT_EQ(cgroup.cpu_version(), 1);
  EXPECT_EQ(cgroup.pids_version(), 0) << "not mounted";
  ASSERT_TRUE(cgroup.Begin(1 << 20, 7));
  EXPECT_EQ(Read("memory/job/slot/memory.limit_in_bytes"), "1048576");
  EXPECT_EQ(Read("memory/job/slot/memory.memsw.limit_in_bytes"), "1048576");
  EXPECT_EQ(Read("memory/job/slot/memory.max_usage_in_bytes"), "0");
  Write(oom, "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n");
  Write("cpu/inner/slot/cpuacct.usage", "7003000\n");
  Write("memory/job/slot/memory.max_usage_in_bytes", "4096\n");
  EXPECT_EQ(cgroup.OomKills(), 2u);
  EXPECT_EQ(cgroup.CpuMicros(), 2003u);  // it counts nanoseconds
  EXPECT_EQ(cgroup.PeakBytes(), 4096u);
  EXPECT_EQ(cgroup.RefusedForks(), 0u);
  EXPECT_TRUE(cgroup.IsEmpty());
  Write("cpu/inner/slot/cgroup.procs", "77\n");
  EXPECT_FALSE(cgroup.IsEmpty());
  RunFds fds;
  cgroup.FillFds(&fds);
  EXPECT_GE(fds.cgroup_tasks[0], 0);
  EXPECT_GE(fds.cgroup_tasks[1], 0);
  EXPECT_EQ(fds.cgroup_tasks[2], -1);
  EXPECT_EQ(fds.cgroup_v2, -1);
}

TEST_F(CgroupTest, AGroupThatCannotBeEnteredIsNone) {
  Describe(Mount("/", "memory", "cgroup", "rw,memory"), "4:memory:/\n");
  ASSERT_TRUE(MakeDirectories(Path("memory")).ok());
  const SlotCgroup cgroup("slot", Path("process"));
  EXPECT_EQ(cgroup.memory_version(), 0);
  EXPECT_NE(::access(Path("memory/slot").c_str(), F_OK), 0);
}

TEST_F(CgroupTest, Version2ClimbsToAGroupThatHandsDownControllers) {
  Describe(Mount("/", "all", "cgroup2", "rw"), "0::/user/app\n");
  WriteFixed("all/user/app/cgroup.subtree_control", "\n");
  WriteFixed("all/user/cgroup.subtree_control", "cpu memory pids\n");
  SlotCgroup cgroup("slot", Path("process"));
  EXPECT_EQ(cgroup.memory_version(), 2);
  EXPECT_EQ(cgroup.pids_version(), 2);
  EXPECT_EQ(cgroup.cpu_version(), 2);
  const std::string slot = "all/user/slot/";
  for (const char* file : {"memory.max", "memory.swap.max", "pids.max"}) {
    Write(absl::StrCat(slot, file), "");
  }
  Write(slot + "memory.events", "low 0\noom 3\noom_kill 1\noom_group_kill 9\n");
  Write(slot + "cpu.stat", "usage_usec 500\nuser_usec 9\nsystem_usec 8\n");
  Write(slot + "pids.events", "max 5\n");
  Write(slot + "cgroup.procs", "");
  Write(slot + "memory.current", "0\n");
  ASSERT_TRUE(cgroup.Begin(1 << 20, 7));
  EXPECT_EQ(Read(slot + "memory.max"), "1048576");
  EXPECT_EQ(Read(slot + "memory.swap.max"), "0");
  EXPECT_EQ(Read(slot + "pids.max"), "8");  // and the init
  Write(slot + "memory.events", "low 0\noom 5\noom_kill 3\noom_group_kill 9\n");
  Write(slot + "cpu.stat", "usage_usec 2500\nuser_usec 9\nsystem_usec 8\n");
  Write(slot + "pids.events", "max 6\n");
  EXPECT_EQ(cgroup.OomKills(), 2u);
  EXPECT_EQ(cgroup.CpuMicros(), 2000u);
  EXPECT_EQ(cgroup.RefusedForks(), 1u);
  EXPECT_EQ(cgroup.PeakBytes(), 0u) << "no memory.peak on this kernel";
  EXPECT_TRUE(cgroup.IsEmpty());
  RunFds fds;
  cgroup.FillFds(&fds);
  EXPECT_GE(fds.cgroup_v2, 0);
  EXPECT_EQ(fds.cgroup_tasks[0], -1);
}

TEST_F(CgroupTest, Version2LeavesNoGroupThatIsLimited) {
  for (const char* limit : {"memory.max", "memory.high", "cpu.max"}) {
    const std::string job = absl::StrCat("of-", limit, "/job/");
    Describe(Mount("/", absl::StrCat("of-", limit), "cgroup2", "rw"),
             "0::/job/task\n");
    WriteFixed(absl::StrCat("of-", limit, "/cgroup.subtree_control"),
               "cpu memory pids\n");
    WriteFixed(job + "cgroup.subtree_control", "\n");
    WriteFixed(job + "task/cgroup.subtree_control", "\n");
    Write(job + limit, "max\n");
    EXPECT_EQ(SlotCgroup("slot", Path("process")).memory_version(), 2) << limit;
    Write(job + limit, "2000000 100000\n");
    EXPECT_EQ(SlotCgroup("other", Path("process")).memory_version(), 0)
        << limit;
  }
}

TEST_F(CgroupTest, Version2ChangesNoGroupAboveItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  Describe(Mount("/", "all", "cgroup2", "rw"), "0::/job\n");
  Write("all/cgroup.subtree_control", "memory pids\n");
  Write("all/job/cgroup.subtree_control", "");
  const SlotCgroup cgroup("slot", Path("process"));
  EXPECT_EQ(Read("all/cgroup.subtree_control"), "memory pids\n");
  EXPECT_NE(Read("all/job/cgroup.subtree_control"), "");
}

TEST_F(CgroupTest, MemoryThatEscapesIntoSwapIsNotCounted) {
  Describe(absl::StrCat(Mount("/", "memory", "cgroup", "rw,memory"),
                        Mount("/", "all", "cgroup2", "rw")),
           "4:memory:/\n0::/\n");
  WriteFixed("all/cgroup.subtree_control", "memory pids\n");
  const auto version = [&](const std::string& slot) {
    Write(absl::StrCat("memory/", slot, "/tasks"), "");
    return SlotCgroup(slot, Path("process")).memory_version();
  };
  Write("swaps", "Filename Type Size Used Priority\n");
  EXPECT_EQ(version("no swap"), 1);
  Write("swaps",
        "Filename Type Size Used Priority\n/dev/sdb partition 9 0 -2\n");
  EXPECT_EQ(version("uncounted"), 0) << "neither version counts it";
  Write("memory/counted/memory.memsw.limit_in_bytes", "");
  EXPECT_EQ(version("counted"), 1);
  Write("memory/calm/memory.swappiness", "9\n");
  EXPECT_EQ(version("calm"), 1);
  EXPECT_EQ(Read("memory/calm/memory.swappiness"), "0\n");
}

TEST_F(CgroupTest, BothVersionsTogether) {
  Describe(absl::StrCat(Mount("/", "memory", "cgroup", "rw,memory"),
                        Mount("/", "all", "cgroup2", "rw")),
           "4:memory:/\n0::/\n");
  Write("memory/slot/tasks", "");
  WriteFixed("all/cgroup.subtree_control", "pids\n");
  const SlotCgroup cgroup("slot", Path("process"));
  EXPECT_EQ(cgroup.memory_version(), 1);
  EXPECT_EQ(cgroup.pids_version(), 2);
  EXPECT_EQ(cgroup.cpu_version(), 2);  // every group of version 2 counts it
}

TEST_F(CgroupTest, WithoutAHandedDownControllerVersion2IsOfNoUse) {
  Describe(Mount("/", "all", "cgroup2", "rw"), "0::/\n");
  WriteFixed("all/cgroup.subtree_control", "hugetlb\n");
  const SlotCgroup cgroup("slot", Path("process"));
  EXPECT_EQ(cgroup.memory_version() + cgroup.cpu_version(), 0);
  EXPECT_NE(::access(Path("all/slot").c_str(), F_OK), 0);
}

TEST_F(CgroupTest, ALimitThatCannotBeSetIsSaid) {
  Describe(Mount("/", "memory", "cgroup", "rw,memory"), "4:memory:/\n");
  Write("memory/slot/tasks", "");
  SlotCgroup cgroup("slot", Path("process"));
  ASSERT_EQ(cgroup.memory_version(), 1);
  EXPECT_FALSE(cgroup.Begin(1 << 20, 7)) << "there is no limit_in_bytes";
}

}  // namespace
}  // namespace r1
