// r1 metrics: the numbers of a run.
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/commands/command.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/progress.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

struct MetricsArgs {
  std::string run;
  std::string stage;
  int64_t last = 0;
  bool is_json = false;
};

void PrintJson(const MetricsRow& row) {
  nlohmann::ordered_json object;
  object["stage"] = row.stage;
  object["step"] = row.step;
  for (const auto& [name, value] : row.metrics) {
    // JSON has no NaN or infinity.
    object[name] = std::isfinite(value) ? nlohmann::ordered_json(value)
                                        : nlohmann::ordered_json(nullptr);
  }
  std::printf("%s\n", object.dump().c_str());
}

// The columns for these rows.
std::vector<ShownMetric> Columns(const std::vector<MetricsRow>& rows) {
  std::vector<ShownMetric> columns;
  for (const ShownMetric& shown : ShownMetrics()) {
    const auto shows = [&](const MetricsRow& row) {
      const double value = MetricOr(row.metrics, shown.name, std::nan(""));
      return !std::isnan(value) && !(shown.is_fault && value == 0);
    };
    if (*shown.brief == '\0' || absl::c_none_of(rows, shows)) continue;
    columns.push_back(shown);
  }
  return columns;
}

void PrintHeader(const std::string& stage,
                 const std::vector<ShownMetric>& columns) {
  std::printf("%-9s %6s", stage.c_str(), "step");
  for (const ShownMetric& shown : columns) {
    std::printf(" %12s", shown.brief);
  }
  std::printf("\n");
}

void PrintRow(const MetricsRow& row, const std::vector<ShownMetric>& columns) {
  std::printf("%-9s %6lld", "", static_cast<long long>(row.step));
  for (const ShownMetric& shown : columns) {
    const double value = MetricOr(row.metrics, shown.name, std::nan(""));
    std::printf(" %12s", FormatMetric(shown.format, value).c_str());
  }
  std::printf("\n");
}

absl::Status PrintEvals(const std::string& run, const std::string& stage) {
  R1_ASSIGN_OR_RETURN(const RunReader reader, RunReader::Open(run, stage));
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  for (const EvalRow& eval : evals) {
    std::printf("eval of %s at step %lld:", stage.c_str(),
                static_cast<long long>(eval.step));
    for (const auto& [name, value] : eval.metrics) {
      std::printf("  %s %.4g", VisibleLine(name).c_str(), value);
    }
    std::printf("\n");
  }
  return absl::OkStatus();
}

absl::Status RunMetrics(MetricsArgs args) {
  SplitStagePath(&args.run, &args.stage);
  R1_ASSIGN_OR_RETURN(RunReader reader, RunReader::Open(args.run));
  R1_ASSIGN_OR_RETURN(std::vector<MetricsRow> rows, reader.AllMetrics());
  std::erase_if(rows, [&](const MetricsRow& row) {
    return !args.stage.empty() && row.stage != args.stage;
  });
  if (args.last > 0 && rows.size() > static_cast<size_t>(args.last)) {
    rows.erase(rows.begin(), rows.end() - args.last);
  }
  if (rows.empty()) {
    return absl::NotFoundError(absl::StrCat(
        args.run, " has no steps",
        args.stage.empty() ? "" : absl::StrCat(" of stage ", args.stage),
        " yet: let `r1 train` go on with it"));
  }
  const std::vector<ShownMetric> columns = Columns(rows);
  std::string stage;
  for (const MetricsRow& row : rows) {
    if (args.is_json) {
      PrintJson(row);
      continue;
    }
    if (row.stage != stage) PrintHeader(stage = row.stage, columns);
    PrintRow(row, columns);
  }
  if (args.is_json) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> stages, reader.Stages());
  for (const std::string& name : stages) {
    if (args.stage.empty() || args.stage == name) {
      R1_RETURN_IF_ERROR(PrintEvals(args.run, name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

CommandBody AddMetrics(CLI::App* app) {
  auto args = std::make_shared<MetricsArgs>();
  CLI::App* command = app->add_subcommand(
      "metrics", "Print the numbers of a run, step by step");
  command->add_option("RUN", args->run, "Folder of the run")
      ->required()
      ->type_name("DIR");
  command->add_flag("--json", args->is_json,
                    "One JSON object a line with all metrics");
  command->add_option("--stage", args->stage, "Only this stage")
      ->type_name("STAGE");
  command->add_option("--last", args->last, "Only so many steps, the newest")
      ->check(InRange(int64_t{1}, int64_t{1000000000}))
      ->type_name("N");
  command->footer(
      "Examples:\n"
      "  r1 metrics runs/smoke\n"
      "  r1 metrics runs/smoke --stage zero --last 10\n"
      "  r1 metrics runs/smoke --json | head -1\n"
      "\nlearner/README.md has the formula of every metric.");
  return [args] { return RunMetrics(*args); };
}

}  // namespace r1
