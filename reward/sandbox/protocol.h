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
#include <string_view>
#include <vector>

#include "reward/sandbox/wire.h"

namespace r1 {

inline constexpr int kLauncherSocket = 3;
inline constexpr char kCancel[] = "c";  // shorter than any order

struct LauncherSetup {
  std::string zygote_library;  // the shared object, as bytes
  std::string zygote_script;
  std::string read_only_folder;  // seen inside as /r1/shared; "" = none

  std::string Pack() const {
    WireWriter out;
    out.Bytes(zygote_library);
    out.Bytes(zygote_script);
    out.Bytes(read_only_folder);
    return out.Take();
  }
  bool Unpack(std::string_view bytes) {
    WireReader in(bytes);
    zygote_library = in.Bytes();
    zygote_script = in.Bytes();
    read_only_folder = in.Bytes();
    return in.ok();
  }
};

// What a launcher could get from this machine.
struct LauncherReady {
  std::string error;  // "" = it is ready
  uint64_t has_user_namespace = 0;
  uint64_t memory_cgroup = 0;  // version 1 or 2; 0 = none
  uint64_t pids_cgroup = 0;
  uint64_t cpu_cgroup = 0;

  std::string Pack() const {
    WireWriter out;
    out.Bytes(error);
    for (uint64_t value :
         {has_user_namespace, memory_cgroup, pids_cgroup, cpu_cgroup}) {
      out.Number(value);
    }
    return out.Take();
  }
  bool Unpack(std::string_view bytes) {
    WireReader in(bytes);
    error = in.Bytes();
    for (uint64_t* value :
         {&has_user_namespace, &memory_cgroup, &pids_cgroup, &cpu_cgroup}) {
      *value = in.Number();
    }
    return in.ok();
  }
};

// One run. With two descriptors beside it, the program finds them as 3 (to
// read) and 4 (to write).
struct RunOrder {
  uint64_t is_python = 0;         // run the file main.py in a forked Python
  std::vector<std::string> argv;  // otherwise
  struct File {
    std::string name;  // in the working folder; no '/'
    std::string content;
  };
  std::vector<File> files;
  std::string standard_input;
  std::string fetch;  // a file to bring back after exit code 0; "" = none
  uint64_t wall_us = 0, cpu_us = 0, memory_bytes = 0, disk_bytes = 0;
  uint64_t output_bytes = 0;  // of each stream
  uint64_t fetch_bytes = 0;
  uint64_t processes = 0;  // threads count

  std::string Pack() const {
    WireWriter out;
    out.Number(is_python);
    out.Number(argv.size());
    for (const std::string& word : argv) out.Bytes(word);
    out.Number(files.size());
    for (const File& file : files) {
      out.Bytes(file.name);
      out.Bytes(file.content);
    }
    out.Bytes(standard_input);
    out.Bytes(fetch);
    for (uint64_t value : {wall_us, cpu_us, memory_bytes, disk_bytes,
                           output_bytes, fetch_bytes, processes}) {
      out.Number(value);
    }
    return out.Take();
  }
  bool Unpack(std::string_view bytes) {
    WireReader in(bytes);
    is_python = in.Number();
    argv.clear();
    for (uint64_t n = in.Number(); n > 0 && in.ok(); --n) {
      argv.emplace_back(in.Bytes());
    }
    files.clear();
    for (uint64_t n = in.Number(); n > 0 && in.ok(); --n) {
      File& file = files.emplace_back();
      file.name = in.Bytes();
      file.content = in.Bytes();
    }
    standard_input = in.Bytes();
    fetch = in.Bytes();
    for (uint64_t* value : {&wall_us, &cpu_us, &memory_bytes, &disk_bytes,
                            &output_bytes, &fetch_bytes, &processes}) {
      *value = in.Number();
    }
    return in.ok();
  }
};

// What happened, before it is called anything. verdict.h gives it its name.
struct RunFacts {
  std::string error;         // the sandbox's own failure; "" = none
  uint64_t has_ended = 0;    // the program ended by itself; wait_status counts
  uint64_t wait_status = 0;  // as of waitpid
  uint64_t is_over_wall = 0, is_over_cpu = 0, is_over_output = 0;
  uint64_t is_cancelled = 0;
  uint64_t oom_kills = 0, refused_forks = 0;
  uint64_t cpu_us = 0, wall_us = 0, peak_bytes = 0;
  std::string standard_output, standard_error, fetched;

  std::string Pack() const {
    WireWriter out;
    out.Bytes(error);
    for (uint64_t value : {has_ended, wait_status, is_over_wall, is_over_cpu,
                           is_over_output, is_cancelled, oom_kills,
                           refused_forks, cpu_us, wall_us, peak_bytes}) {
      out.Number(value);
    }
    out.Bytes(standard_output);
    out.Bytes(standard_error);
    out.Bytes(fetched);
    return out.Take();
  }
  bool Unpack(std::string_view bytes) {
    WireReader in(bytes);
    error = in.Bytes();
    for (uint64_t* value :
         {&has_ended, &wait_status, &is_over_wall, &is_over_cpu,
          &is_over_output, &is_cancelled, &oom_kills, &refused_forks, &cpu_us,
          &wall_us, &peak_bytes}) {
      *value = in.Number();
    }
    standard_output = in.Bytes();
    standard_error = in.Bytes();
    fetched = in.Bytes();
    return in.ok();
  }
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_PROTOCOL_H_
