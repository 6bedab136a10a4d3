#include "pipeline/store/run_reader.h"

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "pipeline/store/run_schema.h"

namespace r1 {

absl::StatusOr<RunReader> RunReader::Open(const std::string& run_dir,
                                          const std::string& stage) {
  const std::string path = absl::StrCat(run_dir, "/run.db");
  if (!FileExists(path)) {
    return LacksFile(
        run_dir, absl::StrCat(run_dir,
                              " is not a run folder (no run.db in it): give "
                              "the folder that `r1 train --run-dir` wrote"));
  }
  R1_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                      Database::Open(path, Database::Mode::kReadOnly));
  R1_ASSIGN_OR_RETURN(const int64_t version,
                      database->QueryInt("PRAGMA user_version"));
  if (version != kRunSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " has tables of version ", version, ", this program reads ",
        kRunSchemaVersion, ": use the program that made the run"));
  }
  RunReader reader(std::move(database));
  reader.stage_ = stage;
  if (stage.empty()) R1_RETURN_IF_ERROR(reader.FindStage());
  return reader;
}

absl::StatusOr<std::vector<std::string>> RunReader::Stages() const {
  R1_ASSIGN_OR_RETURN(
      Statement rows,
      database_->Prepare("SELECT stage FROM sessions WHERE stage <> '' GROUP "
                         "BY stage ORDER BY min(id)"));
  std::vector<std::string> stages;
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return stages;
    stages.emplace_back(rows.Bytes(0));
  }
}

absl::Status RunReader::FindStage() {
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> stages, Stages());
  R1_ASSIGN_OR_RETURN(
      Statement has_any,
      // A comparison's evaluations have no step 0.
      database_->Prepare("SELECT EXISTS(SELECT 1 FROM trajectories WHERE stage "
                         "= ?1) OR EXISTS(SELECT 1 FROM evals WHERE stage = "
                         "?1 AND step = 0)"));
  for (const std::string& stage : stages) {
    has_any.BindText(1, stage);
    R1_ASSIGN_OR_RETURN(const bool has_row, has_any.Step());
    if (has_row && has_any.Int(0) != 0) stage_ = stage;
    has_any.Reset();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MetricsRow>> RunReader::AllMetrics() const {
  R1_ASSIGN_OR_RETURN(
      Statement rows,
      database_->Prepare(
          "SELECT m.stage, m.step, m.name, m.value FROM metrics m LEFT JOIN "
          "(SELECT stage, min(id) AS place FROM sessions GROUP BY stage) s "
          "USING(stage) ORDER BY s.place, m.stage, m.step, m.position"));
  std::vector<MetricsRow> all;
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return all;
    if (all.empty() || rows.Bytes(0) != all.back().stage ||
        rows.Int(1) != all.back().step) {
      all.push_back({std::string(rows.Bytes(0)), rows.Int(1), {}});
    }
    all.back().metrics.emplace_back(std::string(rows.Bytes(2)), rows.Double(3));
  }
}

absl::StatusOr<std::vector<SampleView>> RunReader::Samples(
    const SampleFilter& filter) const {
  std::string sql = absl::StrCat(kSelectSamples, "WHERE t.stage = ?");
  if (filter.step) absl::StrAppend(&sql, " AND t.step = ", *filter.step);
  if (filter.prompt_id) {
    absl::StrAppend(&sql, " AND t.prompt_id = ", *filter.prompt_id);
  }
  absl::StrAppend(&sql,
                  " ORDER BY t.step DESC, t.prompt_id, t.sample_index LIMIT ",
                  filter.limit);
  R1_ASSIGN_OR_RETURN(Statement rows, database_->Prepare(sql));
  rows.BindText(1, stage_);
  std::vector<SampleView> samples;
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return samples;
    samples.push_back(ReadSample(rows));
  }
}

absl::StatusOr<std::vector<int64_t>> RunReader::SampledSteps() const {
  // A skip scan over the primary key: one look-up a step, not a full pass.
  R1_ASSIGN_OR_RETURN(
      Statement next,
      database_->Prepare(
          "SELECT min(step) FROM trajectories WHERE stage = ? AND step > ?"));
  std::vector<int64_t> steps;
  int64_t last = -1;
  while (true) {
    next.BindText(1, stage_).BindInt(2, last);
    R1_ASSIGN_OR_RETURN(const bool has_row, next.Step());
    if (!has_row || next.IsNull(0)) return steps;
    last = next.Int(0);
    steps.push_back(last);
    next.Reset();
  }
}

absl::StatusOr<std::vector<EventRow>> RunReader::Events() const {
  R1_ASSIGN_OR_RETURN(
      Statement rows,
      database_->Prepare("SELECT time_unix_ms, stage, step, kind, "
                         "message FROM events ORDER BY id"));
  std::vector<EventRow> events;
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return events;
    events.push_back({rows.Int(0), std::string(rows.Bytes(1)), rows.Int(2),
                      std::string(rows.Bytes(3)), std::string(rows.Bytes(4))});
  }
}

absl::StatusOr<double> RunReader::WallSeconds() const {
  R1_ASSIGN_OR_RETURN(
      const int64_t total_ms,
      database_->QueryInt("SELECT coalesce(sum(last_write_unix_ms - "
                          "started_unix_ms), 0) FROM sessions"));
  return static_cast<double>(total_ms) / 1000;
}

absl::StatusOr<double> RunReader::StageSeconds(const std::string& stage) const {
  R1_ASSIGN_OR_RETURN(
      Statement row,
      database_->Prepare("SELECT coalesce(sum(last_write_unix_ms - "
                         "started_unix_ms), 0) FROM sessions WHERE stage = ?"));
  row.BindText(1, stage);
  R1_ASSIGN_OR_RETURN(const bool has_row, row.Step());
  return has_row ? static_cast<double>(row.Int(0)) / 1000 : 0;
}

absl::StatusOr<double> RunReader::FirstRlStepSeconds() const {
  R1_ASSIGN_OR_RETURN(
      const int64_t ms,
      database_->QueryInt(absl::StrCat(
          "SELECT e.time_unix_ms - s.started_unix_ms FROM events e, sessions s "
          "WHERE e.kind = '",
          kFirstRlStepEvent,
          "' AND s.id = 1 AND (SELECT "
          "max(process) FROM sessions WHERE started_unix_ms <= e.time_unix_ms) "
          "= 1 ORDER BY e.id LIMIT 1")));
  return static_cast<double>(ms) / 1000;
}

absl::StatusOr<std::vector<EvalRow>> RunReader::Evals() const {
  R1_ASSIGN_OR_RETURN(
      Statement rows,
      database_->Prepare(
          "SELECT step, name, value FROM evals WHERE stage = ? ORDER BY step, "
          "position"));
  rows.BindText(1, stage_);
  std::vector<EvalRow> evals;
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return evals;
    if (evals.empty() || evals.back().step != rows.Int(0)) {
      evals.push_back({rows.Int(0), {}});
    }
    evals.back().metrics.emplace_back(std::string(rows.Bytes(1)),
                                      rows.Double(2));
  }
}

absl::StatusOr<std::vector<EvalSample>> RunReader::EvalSamples(
    int64_t step, int64_t limit) const {
  R1_ASSIGN_OR_RETURN(
      Statement rows,
      database_->Prepare(
          "SELECT prompt_id, sample_index, question, reference, completion, "
          "finish_reason, num_tokens, is_correct, has_format FROM eval_samples "
          "WHERE stage = ? AND step = ? ORDER BY prompt_id, sample_index LIMIT "
          "?"));
  rows.BindText(1, stage_).BindInt(2, step).BindInt(3, limit);
  std::vector<EvalSample> samples;
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return samples;
    EvalSample& s = samples.emplace_back();
    s.prompt_id = rows.Int(0);
    s.sample_index = static_cast<uint32_t>(rows.Int(1));
    s.question = std::string(rows.Bytes(2));
    s.reference = std::string(rows.Bytes(3));
    s.completion = std::string(rows.Bytes(4));
    s.finish_reason = FinishReasonFromName(rows.Bytes(5));
    s.num_tokens = rows.Int(6);
    if (!rows.IsNull(7)) s.is_correct = rows.Int(7) != 0;
    s.has_format = rows.Int(8) != 0;
  }
}

absl::StatusOr<bool> HasRecords(const std::string& database_path) {
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                      Database::Open(database_path, Database::Mode::kReadOnly));
  // Tables of whatever version; a session alone has recorded nothing.
  R1_ASSIGN_OR_RETURN(
      Statement tables,
      database->Prepare("SELECT name FROM sqlite_master WHERE type = 'table' "
                        "AND name <> 'sessions'"));
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_table, tables.Step());
    if (!has_table) return false;
    R1_ASSIGN_OR_RETURN(
        const int64_t has_row,
        database->QueryInt(absl::StrCat("SELECT EXISTS(SELECT 1 FROM \"",
                                        tables.Bytes(0), "\")")));
    if (has_row != 0) return true;
  }
}

double MetricOr(const Metrics& metrics, absl::string_view name,
                double fallback) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  return fallback;
}

}  // namespace r1
