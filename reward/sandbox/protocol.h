// What the program and a launcher say to each other. Each message is a 64-bit
// length and so many bytes of wire.h; descriptors come with the length.
//
//   program  -> launcher   LauncherSetup, once
//   launcher -> program    LauncherReady, once
//   program  -> launcher   RunOrder, and while it runs perhaps kCancel
//   launcher -> program    RunFacts
//
// The end of the socket ends the launcher and, by the kernel's rules for PID
// namespaces, everything that it started.
#ifndef R1_REWARD_SANDBOX_PROTOCOL_H_
#define R1_REWARD_SANDBOX_PROTOCOL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "reward/sandbox/wire.h"

namespace r1 {

inline constexpr int kLauncherSocket = 3;
inline constexpr char kCancel[] = "c";  // shorter than any order

struct LauncherSetup : WireMessage<LauncherSetup> {
  std::string zygote_library;  // the shared object, as bytes
  std::string zygote_script;
  std::string read_only_folder;  // seen inside as /r1/shared; "" = none

  template <typename Self, typename Wire>
  static void Visit(Self& self, Wire& wire) {
    wire(self.zygote_library, self.zygote_script, self.read_only_folder);
  }
};

// What a launcher could get from this machine.
struct LauncherReady : WireMessage<LauncherReady> {
  std::string error;  // "" = it is ready
  uint64_t has_user_namespace = 0;
  uint64_t memory_cgroup = 0;  // version 1 or 2; 0 = none
  uint64_t pids_cgroup = 0;
  uint64_t cpu_cgroup = 0;

  template <typename Self, typename Wire>
  static void Visit(Self& self, Wire& wire) {
    wire(self.error, self.has_user_namespace, self.memory_cgroup,
         self.pids_cgroup, self.cpu_cgroup);
  }
};

// One run. With two descriptors beside it, the program finds them as 3 (to
// read) and 4 (to write).
struct RunOrder : WireMessage<RunOrder> {
  uint64_t is_python = 0;         // run the file main.py in a forked Python
  std::vector<std::string> argv;  // otherwise
  struct File {
    std::string name;  // in the working folder; no '/'
    std::string content;

    template <typename Self, typename Wire>
    static void Visit(Self& self, Wire& wire) {
      wire(self.name, self.content);
    }
  };
  std::vector<File> files;
  std::string standard_input;
  std::string fetch;  // a file to bring back after exit code 0; "" = none
  uint64_t wall_us = 0, cpu_us = 0, memory_bytes = 0, disk_bytes = 0;
  uint64_t output_bytes = 0;  // of each stream
  uint64_t fetch_bytes = 0;
  uint64_t processes = 0;  // threads count

  template <typename Self, typename Wire>
  static void Visit(Self& self, Wire& wire) {
    wire(self.is_python, self.argv, self.files, self.standard_input, self.fetch,
         self.wall_us, self.cpu_us, self.memory_bytes, self.disk_bytes,
         self.output_bytes, self.fetch_bytes, self.processes);
  }
};

// What happened, before it is called anything. verdict.h gives it its name.
struct RunFacts : WireMessage<RunFacts> {
  std::string error;         // the sandbox's own failure; "" = none
  uint64_t has_ended = 0;    // the program ended by itself; wait_status counts
  uint64_t wait_status = 0;  // as of waitpid
  uint64_t is_over_wall = 0, is_over_cpu = 0, is_over_output = 0;
  uint64_t is_cancelled = 0;
  uint64_t oom_kills = 0, refused_forks = 0;
  uint64_t cpu_us = 0, wall_us = 0, peak_bytes = 0;
  std::string standard_output, standard_error, fetched;

  template <typename Self, typename Wire>
  static void Visit(Self& self, Wire& wire) {
    wire(self.error, self.has_ended, self.wait_status, self.is_over_wall,
         self.is_over_cpu, self.is_over_output, self.is_cancelled,
         self.oom_kills, self.refused_forks, self.cpu_us, self.wall_us,
         self.peak_bytes, self.standard_output, self.standard_error,
         self.fetched);
  }
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_PROTOCOL_H_
