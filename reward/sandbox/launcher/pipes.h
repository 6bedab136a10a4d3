// The descriptors of one run: the program's, and the launcher's ends of them.
#ifndef R1_REWARD_SANDBOX_LAUNCHER_PIPES_H_
#define R1_REWARD_SANDBOX_LAUNCHER_PIPES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "reward/sandbox/launcher/inside.h"
#include "reward/sandbox/protocol.h"

namespace r1 {

// Closes it unless it is -1, which it is afterwards.
void CloseFd(int* fd);

// One stream of the program.
struct Capture {
  int fd = -1;  // does not block; -1 after its end
  uint64_t limit = 0;
  std::string text;
  bool is_over = false;

  // Reads what is there. Past the limit only that it was passed is kept.
  void Read();
};

struct Pipes {
  RunFds inside;
  Capture output, error;
  int report = -1, fetch = -1;

  Pipes() = default;
  Pipes(const Pipes&) = delete;
  Pipes& operator=(const Pipes&) = delete;
  ~Pipes();

  // `spec` goes into a memfd. False, with errno, if anything fails.
  bool Open(const RunOrder& order, std::string_view spec);
  // The program's, but for the cgroups', which the slot keeps.
  void CloseInside();
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_LAUNCHER_PIPES_H_
