// In processes of their own: signal handlers belong to a whole process.
#include "pipeline/process/stop_signal.h"

#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "gtest/gtest.h"

namespace r1 {
namespace {

// What a child that ran `body` ended with: its exit code, or 128 + signal. With
// a terminal of its own, or without any.
int RunChild(bool has_terminal, const std::function<int()>& body) {
  int terminal = -1;
  const pid_t child =
      has_terminal ? ::forkpty(&terminal, nullptr, nullptr, nullptr) : ::fork();
  if (child == 0) {
    if (!has_terminal) ::setsid();
    InstallStopSignals();
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (terminal >= 0) ::close(terminal);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Signals are delivered before raise returns; 7 if the process lives on, asked
// to stop.
int Raise(std::initializer_list<int> signals) {
  for (const int signal : signals) ::raise(signal);
  return StopRequested() ? 7 : 1;
}

TEST(StopSignalTest, TheFirstAsksToStop) {
  for (const bool has_terminal : {false, true}) {
    EXPECT_EQ(RunChild(has_terminal, [] { return Raise({SIGINT}); }), 7);
    EXPECT_EQ(RunChild(has_terminal, [] { return Raise({SIGTERM}); }), 7);
    EXPECT_EQ(RunChild(has_terminal, [] { return Raise({}); }), 1);
  }
}

TEST(StopSignalTest, ASecondCtrlCAtATerminalMeansNow) {
  EXPECT_EQ(RunChild(true,
                     [] {
                       return Raise({SIGINT, SIGINT});
                     }),
            128 + SIGINT);
  EXPECT_EQ(RunChild(true,
                     [] {
                       return Raise({SIGINT, SIGTERM, SIGINT});
                     }),
            128 + SIGINT);
}

TEST(StopSignalTest, WhatASchedulerRepeatsMeansNothing) {
  for (const bool has_terminal : {false, true}) {
    EXPECT_EQ(RunChild(has_terminal,
                       [] {
                         return Raise({SIGTERM, SIGTERM, SIGTERM});
                       }),
              7);
    EXPECT_EQ(RunChild(has_terminal,
                       [] {
                         return Raise({SIGINT, SIGTERM});
                       }),
              7);
    EXPECT_EQ(RunChild(has_terminal,
                       [] {
                         return Raise({SIGTERM, SIGINT});
                       }),
              7);
  }
  EXPECT_EQ(RunChild(false, [] { return Raise({SIGINT, SIGINT, SIGINT}); }), 7);
}

TEST(StopSignalTest, ARequestWakesWhoWaitsForIt) {
  EXPECT_EQ(RunChild(false,
                     [] {
                       ::raise(SIGTERM);
                       WaitForStopRequest();
                       return 7;
                     }),
            7);
}

}  // namespace
}  // namespace r1
