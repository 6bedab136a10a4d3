// The live screen of a run on a terminal.
#ifndef R1_PIPELINE_SCREEN_LIVE_VIEW_H_
#define R1_PIPELINE_SCREEN_LIVE_VIEW_H_

#include <memory>
#include <string>

#include "pipeline/screen/progress.h"

namespace r1 {

// A screen on standard output if that is a terminal of at least 40 x 16 that
// understands cursor control (TERM set and not "dumb"); else plain lines on
// standard output. NO_COLOR turns colours off (no-color.org).
// The screen uses the terminal's alternate buffer and takes the log over (see
// SetLogSink); its destructor gives both back, and prints the log lines that
// came meanwhile. Follows changes of the terminal's size.
// run_name: shown at the top.
std::unique_ptr<Progress> MakeProgress(const std::string& run_name);

}  // namespace r1

#endif  // R1_PIPELINE_SCREEN_LIVE_VIEW_H_
