#include "pipeline/process/stop_signal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace r1 {
namespace {

// A signal handler can reach nothing but globals; these are lock-free.
std::atomic<bool> is_stop_requested{false};
std::atomic<int> interrupts_seen{0};
std::atomic<bool> has_terminal{false};
std::atomic<const char*> restore_sequence{nullptr};
// An eventfd that is readable from the first signal on.
std::atomic<int> stop_event{-1};

void RestoreTerminal() {
  const char* sequence = restore_sequence.exchange(nullptr);
  if (sequence == nullptr) return;
  // A failed write has no remedy on the way out.
  [[maybe_unused]] const ssize_t written =
      ::write(STDOUT_FILENO, sequence, std::strlen(sequence));
}

void OnStopSignal(int signal) {
  if (!is_stop_requested.exchange(true)) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written =
        ::write(stop_event.load(), &one, sizeof(one));
  }
  // A second Ctrl-C means now. A scheduler's second signal means nothing: it
  // signals each process of a job, and again when the grace is over.
  if (signal != SIGINT || interrupts_seen.fetch_add(1) == 0 || !has_terminal) {
    return;
  }
  RestoreTerminal();
  ::_exit(128 + signal);
}

bool HasTerminal() {
  const int fd = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

void OnFatalSignal(int signal) {
  RestoreTerminal();
  ::raise(signal);  // the default action: SA_RESETHAND is set
}

void Handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

// Waits for either descriptor; true if it was `first`.
bool WaitReadable(int first, int second) {
  struct pollfd polled[] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  while (polled[0].revents == 0 && polled[1].revents == 0) {
    ::poll(polled, second < 0 ? 1 : 2, -1);  // again after a signal
  }
  return polled[0].revents != 0;
}

}  // namespace

void InstallStopSignals() {
  if (stop_event >= 0) return;
  stop_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  R1_CHECK(stop_event >= 0, "an eventfd at the program's start");
  has_terminal = HasTerminal();
  Handle(SIGINT, OnStopSignal, SA_RESTART);
  Handle(SIGTERM, OnStopSignal, SA_RESTART);
  Handle(SIGPIPE, SIG_IGN, 0);
}

bool StopRequested() { return is_stop_requested; }

void WaitForStopRequest() { WaitReadable(stop_event, -1); }

StopWatcher::StopWatcher(std::function<void()> on_stop)
    : cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([cancel = cancel_, on_stop = std::move(on_stop)] {
        if (WaitReadable(stop_event, cancel)) on_stop();
      }) {}

StopWatcher::~StopWatcher() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(cancel_, &one, sizeof(one));
  thread_.join();
  ::close(cancel_);
}

void SetTerminalRestore(const char* sequence) {
  restore_sequence.store(sequence);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    Handle(signal, sequence != nullptr ? OnFatalSignal : SIG_DFL,
           sequence != nullptr ? static_cast<int>(SA_RESETHAND) : 0);
  }
}

}  // namespace r1
