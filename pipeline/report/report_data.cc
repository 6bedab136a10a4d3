#include "pipeline/report/report_data.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "pipeline/folder/run_stages.h"
#include "pipeline/report/report_comparisons.h"
#include "pipeline/report/report_graph.h"
#include "pipeline/report/report_json.h"
#include "pipeline/report/report_stages.h"
#include "pipeline/report/report_warnings.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/progress.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

using Json = ReportJson;

constexpr size_t kMaxEvents = 300;
constexpr size_t kStagesOfGraph = 3;  // fewer need no drawing

// --- Tiles -------------------------------------------------------------------

void AddTile(std::string name, std::string value, std::string more,
             Json* tiles) {
  tiles->push_back({{"name", std::move(name)},
                    {"value", std::move(value)},
                    {"more", std::move(more)}});
}

double Field(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>()
                                               : std::nan("");
}

void AddChange(const char* name, const char* key, const Json& summary,
               Json* tiles) {
  const double before = Field(summary, absl::StrCat("base_", key).c_str());
  const double after = Field(summary, absl::StrCat("final_", key).c_str());
  if (std::isnan(before) || std::isnan(after)) return;
  const auto percent = ShownMetric::Format::kPercent;
  AddTile(name, FormatMetric(percent, after),
          absl::StrCat("before: ", FormatMetric(percent, before)), tiles);
}

// Who judges, and what it could not judge.
void AddFaults(const Json& summary, Json* tiles) {
  const auto judge = summary.find("eval_judge");
  if (judge == summary.end() || !judge->is_string()) return;
  std::string faults;
  for (const char* kind : {"abstained", "not_applicable", "errors"}) {
    const double before = Field(summary, absl::StrCat("base_", kind).c_str());
    const double after = Field(summary, absl::StrCat("final_", kind).c_str());
    const auto count = [](double n) {
      return std::isnan(n) ? std::string("0 or not known") : absl::StrCat(n);
    };
    if (before > 0 || after > 0) {
      absl::StrAppend(&faults, faults.empty() ? "" : "; ", kind, " ",
                      count(before), " before, ", count(after), " after");
    }
  }
  AddTile("judged by the rule", VisibleLine(judge->get<std::string>()), faults,
          tiles);
}

// "zero step 34" of a run that goes on.
std::string WhereItIs(const std::vector<RunStage>& stages,
                      const std::vector<MetricsRow>& rows) {
  for (const RunStage& stage : stages) {
    if (stage.state != RunStage::State::kBegun) continue;
    const std::string& name = stage.config.name();
    const bool has_steps = !rows.empty() && rows.back().stage == name;
    return absl::StrCat(name, has_steps
                                  ? absl::StrCat(" step ", rows.back().step)
                                  : " has begun");
  }
  return rows.empty() ? "nothing is recorded yet" : "";
}

Json MakeTiles(const std::string& summary_text,
               const std::vector<RunStage>& stages,
               const std::vector<MetricsRow>& rows) {
  Json tiles = Json::array();
  const Json summary = Json::parse(summary_text, /*cb=*/nullptr,
                                   /*allow_exceptions=*/false);
  if (!summary.is_object()) {
    const auto done = absl::c_count_if(stages, [](const RunStage& stage) {
      return stage.state == RunStage::State::kDone;
    });
    AddTile("state", "not finished", WhereItIs(stages, rows), &tiles);
    AddTile("stages done", absl::StrCat(done, " of ", stages.size()), "",
            &tiles);
    return tiles;
  }
  AddChange("held-out pass@1", "pass1", summary, &tiles);
  AddFaults(summary, &tiles);
  AddChange("held-out format", "format", summary, &tiles);
  AddTile("RL steps", absl::StrCat(Field(summary, "rl_steps")), "", &tiles);
  AddTile("time", FormatSpan(absl::Seconds(Field(summary, "wall_seconds"))), "",
          &tiles);
  const double mismatch = Field(summary, "max_logprob_mismatch");
  if (!std::isnan(mismatch)) {
    AddTile("largest log-prob mismatch",
            FormatMetric(ShownMetric::Format::kScientific, mismatch),
            "between sampling and training, nats", &tiles);
  }
  const auto hash = summary.find("checkpoint_sha256");
  if (hash != summary.end() && hash->is_string()) {
    AddTile("checkpoint", hash->get<std::string>().substr(0, 10),
            "start of its SHA-256", &tiles);
  }
  return tiles;
}

// --- The rest ----------------------------------------------------------------

// The last events, and how many before them are left out.
absl::Status AddEvents(const RunReader& reader, Json* data) {
  R1_ASSIGN_OR_RETURN(std::vector<EventRow> events, reader.Events());
  const size_t left_out =
      events.size() > kMaxEvents ? events.size() - kMaxEvents : 0;
  events.erase(events.begin(), events.begin() + left_out);
  Json json = Json::array();
  for (const EventRow& event : events) {
    json.push_back(
        {{"time", absl::FormatTime("%Y-%m-%d %H:%M:%S",
                                   absl::FromUnixMillis(event.time_unix_ms),
                                   absl::UTCTimeZone())},
         {"stage", event.stage},
         {"step", event.step},
         {"kind", VisibleLine(event.kind)},
         {"message", VisibleLine(event.message)}});
  }
  (*data)["events"] = std::move(json);
  (*data)["events_left_out"] = left_out;
  return absl::OkStatus();
}

Json MakeWarnings(const std::vector<StageConfig>& stages,
                  const std::vector<MetricsRow>& rows) {
  Json json = Json::array();
  for (const ReportWarning& warning : FindWarnings(stages, rows)) {
    json.push_back({{"stage", warning.stage}, {"text", warning.text}});
  }
  return json;
}

}  // namespace

absl::StatusOr<std::string> MakeReportData(
    const std::string& run_dir, const std::vector<StageConfig>& stages,
    const std::string& summary) {
  Json data;
  R1_ASSIGN_OR_RETURN(const RunReader reader, RunReader::Open(run_dir));
  R1_ASSIGN_OR_RETURN(const std::vector<RunStage> run_stages,
                      ReadRunStages(run_dir, stages));
  R1_ASSIGN_OR_RETURN(const std::vector<MetricsRow> rows, reader.AllMetrics());
  data["tiles"] = MakeTiles(summary, run_stages, rows);
  if (stages.size() >= kStagesOfGraph) data["graph"] = MakeGraph(run_stages);
  R1_ASSIGN_OR_RETURN(data["comparisons"], MakeComparisons(run_dir, stages));
  data["warnings"] = MakeWarnings(stages, rows);
  R1_ASSIGN_OR_RETURN(data["stages"],
                      MakeStageSections(run_dir, run_stages, rows));
  R1_RETURN_IF_ERROR(AddEvents(reader, &data));
  return data.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace r1
