// The live view as text: a pure function of what is known and the size of the
// terminal.
#ifndef R1_PIPELINE_SCREEN_LIVE_SCREEN_H_
#define R1_PIPELINE_SCREEN_LIVE_SCREEN_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "learner/journal.h"
#include "pipeline/screen/progress.h"
#include "rollout/rollout_source.h"

namespace r1 {

struct ScreenState {
  std::string run_name;             // the run's folder
  std::string description;          // e.g. "countdown, 0.9 M parameters"
  std::vector<StageStatus> stages;  // of the run, in their order
  TimeLeft left_of_run;
  std::string stage;
  int64_t step = 0;  // finished
  int64_t total_steps = 0;
  absl::Duration elapsed;  // of the whole run in this process
  bool has_eta = false;
  EtaEstimator::Estimate eta;
  std::string activity;
  int64_t activity_done = 0, activity_total = 0;
  // Values of each metric, oldest first; NaN where a step had none.
  std::map<std::string, std::deque<double>> history;
  std::vector<std::pair<int64_t, Metrics>> evals;
  std::vector<WorkerStatus> workers;
  std::deque<std::string> log;  // newest last
  bool is_stopping = false;
};

struct ScreenSize {
  int columns = 80;
  int rows = 24;
};

// At most size.rows lines, none wider than size.columns, without newlines.
// With `use_color` the lines hold SGR sequences (which take no columns); all
// other text is escaped.
std::vector<std::string> RenderScreen(const ScreenState& state,
                                      const ScreenSize& size, bool use_color);

// The last `columns` values as block characters from the lowest to the highest
// of them; a space for NaN; a flat line when all are equal.
std::string Sparkline(const std::deque<double>& values, int columns);

}  // namespace r1

#endif  // R1_PIPELINE_SCREEN_LIVE_SCREEN_H_
