// Looks into RUN/run.db for people: the commands `metrics` and `samples`, the
// report and the summary. Safe while another process writes.
#ifndef R1_PIPELINE_STORE_RUN_READER_H_
#define R1_PIPELINE_STORE_RUN_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "learner/journal.h"
#include "pipeline/store/run_rows.h"
#include "pipeline/store/run_store.h"
#include "pipeline/store/sqlite.h"

namespace r1 {

struct MetricsRow {
  std::string stage;
  int64_t step = 0;
  Metrics metrics;
};

struct SampleFilter {
  std::optional<int64_t> step;
  std::optional<uint64_t> prompt_id;
  // Rows to return, from the highest step down; groups stay together.
  int64_t limit = -1;  // -1: all
};

struct EventRow {
  int64_t time_unix_ms = 0;
  std::string stage;  // empty: of the run
  int64_t step = 0;
  std::string kind;
  std::string message;
};

struct EvalRow {
  int64_t step = 0;
  Metrics metrics;
};

// Samples and evaluations are those of one stage, the rest of all.
// Threads: one caller at a time.
class RunReader {
 public:
  // `run_dir` is the run's folder. Without a stage: the last that has samples
  // or evaluations of its own model.
  // Errors: NotFound if it holds no run; DataLoss if run.db is damaged.
  static absl::StatusOr<RunReader> Open(const std::string& run_dir,
                                        const std::string& stage = "");

  const std::string& stage() const { return stage_; }
  // In the order in which they began.
  absl::StatusOr<std::vector<std::string>> Stages() const;
  // All rows, by stage in the order they began, then by step.
  absl::StatusOr<std::vector<MetricsRow>> AllMetrics() const;
  // By step descending, then prompt and sample.
  absl::StatusOr<std::vector<SampleView>> Samples(
      const SampleFilter& filter) const;
  // Steps that have samples, ascending.
  absl::StatusOr<std::vector<int64_t>> SampledSteps() const;
  absl::StatusOr<std::vector<EventRow>> Events() const;
  // Time that processes worked on the run, in seconds. One that was killed
  // counts up to its last write.
  absl::StatusOr<double> WallSeconds() const;
  // The same of one stage.
  absl::StatusOr<double> StageSeconds(const std::string& stage) const;
  // From the run's start to the end of RL step 1, in seconds; 0 if that is not
  // known: no such step yet, or the run was resumed before it.
  absl::StatusOr<double> FirstRlStepSeconds() const;
  // By step.
  absl::StatusOr<std::vector<EvalRow>> Evals() const;
  // By prompt and sample; at most `limit`.
  absl::StatusOr<std::vector<EvalSample>> EvalSamples(int64_t step,
                                                      int64_t limit) const;

 private:
  explicit RunReader(std::unique_ptr<Database> database)
      : database_(std::move(database)) {}
  absl::Status FindStage();

  std::unique_ptr<Database> database_;
  std::string stage_;
};

// Whether the run.db at `database_path` holds anything that a run has recorded,
// in tables of whatever version.
// Errors: those of Database.
absl::StatusOr<bool> HasRecords(const std::string& database_path);

// The value of `name`, or `fallback`.
double MetricOr(const Metrics& metrics, absl::string_view name,
                double fallback);

}  // namespace r1

#endif  // R1_PIPELINE_STORE_RUN_READER_H_
