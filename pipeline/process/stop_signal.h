// Ctrl-C and SIGTERM ask the run to stop at the end of its step. A second
// Ctrl-C at a terminal ends the process at once; further SIGTERMs, and SIGINTs
// without a terminal, change nothing. Either way the terminal is left as it was
// found.
#ifndef R1_PIPELINE_PROCESS_STOP_SIGNAL_H_
#define R1_PIPELINE_PROCESS_STOP_SIGNAL_H_

#include <functional>
#include <thread>

namespace r1 {

// Takes over SIGINT and SIGTERM; SIGPIPE is ignored (a closed pipe is then an
// error of the write). Call before threads start; a second call does nothing.
void InstallStopSignals();

// Whether a first signal has come. Threads: any.
bool StopRequested();

// Returns when a first signal has come. Threads: any.
void WaitForStopRequest();

// Calls back once when a first signal comes, from a thread of its own.
class StopWatcher {
 public:
  explicit StopWatcher(std::function<void()> on_stop);
  ~StopWatcher();
  StopWatcher(const StopWatcher&) = delete;
  StopWatcher& operator=(const StopWatcher&) = delete;

 private:
  int cancel_ = -1;  // an eventfd
  std::thread thread_;
};

// While a full-screen view is up, the bytes that end it; also written when a
// fatal signal arrives. Null: nothing to restore. The text must live on.
// Threads: any.
void SetTerminalRestore(const char* sequence);

}  // namespace r1

#endif  // R1_PIPELINE_PROCESS_STOP_SIGNAL_H_
