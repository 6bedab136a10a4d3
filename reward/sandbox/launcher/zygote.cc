// The native part of the Python fork server: a shared object that zygote.py
// loads. Its process runs only zygote.py and what that imports, and sees of a
// run nothing but descriptors.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "reward/sandbox/launcher/inside.h"
#include "reward/sandbox/message.h"

// Starts a run for each message: the descriptors that are there come in the
// order of RunFds, and the body says for each place whether it is. Answers with
// the init's PID or -errno as 32 bits. Returns only in the process of a run.
extern "C" void r1_zygote_serve(int socket) {
  const char ready = 'r';
  if (::write(socket, &ready, 1) != 1) ::_exit(0);
  std::string is_present;
  std::vector<int> received;
  while (r1::ReceiveMessage(socket, &is_present, &received)) {
    r1::RunFds fds;
    int places[r1::kNumRunFds];
    size_t next = 0;
    for (int i = 0; i < r1::kNumRunFds; ++i) {
      const bool is_here = i < int(is_present.size()) && is_present[i] != 0 &&
                           next < received.size();
      places[i] = is_here ? received[next++] : -1;
    }
    std::memcpy(&fds, places, sizeof(fds));
    const int32_t pid = r1::StartRun(fds, /*as_sibling=*/true);
    if (pid == 0) return;
    for (int fd : received) ::close(fd);
    if (::write(socket, &pid, sizeof(pid)) != sizeof(pid)) break;
  }
  ::_exit(0);
}
