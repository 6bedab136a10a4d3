// A child process that is spoken to by lines, without threads.
#ifndef R1_REWARD_PLUGIN_CHILD_PROCESS_H_
#define R1_REWARD_PLUGIN_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace r1 {

// How a child is started.
struct ChildCommand {
  int program_fd = -1;  // open, of the program itself
  std::vector<std::string> argv;
  // Not -1: the child's descriptor 3.
  int extra_fd = -1;
};

// Writing to a process that has ended is then no signal to this thread.
void BlockBrokenPipe();

// Its standard input, output and error are pipes; it is to end when its input
// is closed (host/supervise.h). Threads: one at a time; Exchange in one that
// called BlockBrokenPipe.
class ChildProcess {
 public:
  // Errors: those of base/file.h if it cannot be started.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const ChildCommand& command);
  // As Stop.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Appends a line to what is to be written.
  void Write(absl::string_view line);
  size_t unwritten_bytes() const { return to_write_.size(); }

  // Writes and reads what is possible; waits until the deadline for something
  // to read, or until `wake_fd` is readable. Whole lines are appended to
  // `output` and `errors`. A line of more than 1 MiB is cut there.
  void Exchange(absl::Time deadline, int wake_fd,
                std::vector<std::string>* output,
                std::vector<std::string>* errors);

  // Whether it has closed its output: it has ended, or is of no more use.
  bool has_ended() const { return output_.fd < 0; }

  // Closes its pipes and waits for its end. How it ended: "exited with status
  // 1", "ended by signal 11 (Segmentation fault)". `kill` is what to say where
  // this call is what ended it.
  std::string Stop(const std::string& kill);

 private:
  struct Stream {
    int fd = -1;
    std::string partial;  // of a line
  };

  ChildProcess() = default;
  static void Read(Stream* stream, std::vector<std::string>* lines);
  void WriteSome();

  pid_t pid_ = -1;
  int input_ = -1;
  std::string to_write_;
  Stream output_, errors_;
};

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_CHILD_PROCESS_H_
