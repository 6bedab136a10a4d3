// What a running stage tells whoever watches: the live screen, plain lines, or
// nobody.
#ifndef R1_PIPELINE_SCREEN_PROGRESS_H_
#define R1_PIPELINE_SCREEN_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "learner/journal.h"
#include "rollout/rollout_source.h"

namespace r1 {

// One stage of the run, for who looks on.
struct StageStatus {
  enum class State { kWaiting, kRunning, kDone };

  std::string name;
  std::string kind;
  State state = State::kWaiting;
  // Of the whole stage: what it took if it is done, else what it may take.
  std::optional<absl::Duration> time;
};

// Threads: any.
class Progress {
 public:
  virtual ~Progress() = default;

  // All stages of the run in their order; each time one begins.
  virtual void Stages(std::vector<StageStatus> stages) = 0;
  // A few words on the model, e.g. "0.94 M parameters".
  virtual void Describe(const std::string& model) = 0;
  // A stage begins, or goes on after `done_steps`.
  virtual void StartStage(const std::string& stage, int64_t done_steps,
                          int64_t total_steps) = 0;
  // What happens right now, e.g. "generating", 312 of 512 (0 of 0: no count).
  virtual void Activity(const std::string& what, int64_t done,
                        int64_t total) = 0;
  // A step is finished and recorded; 0: what was measured before the first.
  virtual void Step(int64_t step, const Metrics& metrics) = 0;
  virtual void Eval(int64_t step, const Metrics& metrics) = 0;
  virtual void Workers(std::vector<WorkerStatus> workers) = 0;
};

// The metrics that both views show, in this order.
struct ShownMetric {
  const char* label;  // for the screen
  const char* brief;  // for a line; empty: not on the line
  const char* name;   // in Metrics
  enum class Format { kNumber, kPercent, kCount, kScientific } format;
  // Counts what could not be scored: shown where it is not 0.
  bool is_fault = false;
};
const std::vector<ShownMetric>& ShownMetrics();

// Whether a number of an evaluation counts what could not be judged: shown to
// people where it is not 0.
bool IsEvalFault(absl::string_view name);

// Whether it is a number of one task of several that the first look leaves out.
bool IsEvalDetail(absl::string_view name);

// The value as people read it: 0.4712, 47.1 %, 12,345, 3.1e-05; "-" for NaN.
std::string FormatMetric(ShownMetric::Format format, double value);
// A number of an evaluation: 47.1 % of a share, 81.2 tokens, 128 problems.
std::string FormatEvalMetric(absl::string_view name, double value);
// "1:02:03" or "2:03".
std::string FormatSpan(absl::Duration duration);

// Estimates the time that is left from the steps so far.
class EtaEstimator {
 public:
  void AddStep(absl::Duration duration);
  struct Estimate {
    absl::Duration median;
    absl::Duration p90;
  };
  // The time of `remaining` more steps. Steps are taken as independent draws
  // around a mean that is itself only known from the last kWindow steps, so
  // the p90 is mean r + 1.28 s sqrt(r + r^2 / n). False before the second step.
  bool Remaining(int64_t remaining, Estimate* estimate) const;

 private:
  static constexpr size_t kWindow = 50;
  std::vector<double> seconds_;
};

// The time to the end of a run.
struct TimeLeft {
  absl::Duration time;
  bool is_more = false;  // of some stages nothing is known

  // "12:34", "more than 12:34"; empty where that would be 0.
  std::string ToString() const;
};
// `running`: of the stage that runs, if that is known.
TimeLeft LeftOfRun(const std::vector<StageStatus>& stages,
                   std::optional<absl::Duration> running);

// One line per step on `stream`, and at most one a second but for the last.
std::unique_ptr<Progress> MakePlainProgress(
    std::FILE* stream, std::function<absl::Time()> clock = absl::Now);

}  // namespace r1

#endif  // R1_PIPELINE_SCREEN_PROGRESS_H_
