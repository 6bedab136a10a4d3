#include "pipeline/report/study_report.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/report/study_page.h"
#include "pipeline/store/run_reader.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

absl::StatusOr<StudyRun> ReadStudyRun(const std::string& run_dir,
                                      const Recipe& recipe) {
  StudyRun run;
  run.seed = recipe.seed();
  run.has_begun = IsRunFolder(run_dir);
  R1_ASSIGN_OR_RETURN(run.is_done, IsFinishedRun(run_dir, recipe));
  // A start that ended at once leaves a folder without a database, and
  // one that was killed then may leave one without tables.
  bool has_rows = FileExists(run_dir + "/run.db");
  if (has_rows) {
    R1_ASSIGN_OR_RETURN(has_rows, HasRecords(run_dir + "/run.db"));
  }
  std::optional<RunReader> reader;
  if (has_rows) {
    R1_ASSIGN_OR_RETURN(reader, RunReader::Open(run_dir));
    R1_ASSIGN_OR_RETURN(run.wall_seconds, reader->WallSeconds());
  }
  if (run.has_begun && FileExists(run_dir + "/manifest.json")) {
    R1_ASSIGN_OR_RETURN(run.build_id, RecordedBuild(run_dir));
  }
  for (const StageConfig& config : ResolveStages(recipe)) {
    StudyRun::Stage stage;
    stage.name = config.name();
    if (has_rows) {
      R1_ASSIGN_OR_RETURN(stage.seconds, reader->StageSeconds(stage.name));
    }
    if (IsFinishedStage(run_dir, stage.name)) {
      R1_ASSIGN_OR_RETURN(auto facts, ReadStageFacts(run_dir, stage.name));
      stage.output_sha256 = facts[kOutputSha256];
    }
    run.stages.push_back(std::move(stage));
  }
  return run;
}

nlohmann::ordered_json RunJson(const StudyRun& run) {
  nlohmann::ordered_json json;
  json["seed"] = run.seed;
  json["done"] = run.is_done;
  if (!run.failure.empty()) json["failure"] = run.failure;
  json["build_id"] = run.build_id;
  json["wall_seconds"] = run.wall_seconds;
  json["stages"] = nlohmann::ordered_json::array();
  for (const StudyRun::Stage& stage : run.stages) {
    json["stages"].push_back({{"name", stage.name},
                              {"seconds", stage.seconds},
                              {kOutputSha256, stage.output_sha256}});
  }
  return json;
}

// NaN becomes null.
nlohmann::ordered_json TableJson(const StudyTable& table) {
  nlohmann::ordered_json json;
  json["stage"] = table.stage;
  json["columns"] = table.columns;
  json["labels"] = table.labels;
  json["rows"] = nlohmann::ordered_json::array();
  for (const StudyTable::Row& row : table.rows) {
    nlohmann::ordered_json out;
    out["stage"] = row.stage;
    for (const char* key : {"mean", "sd", "n", "values"}) {
      out[key] = nlohmann::ordered_json::array();
    }
    for (const std::vector<double>& values : row.values) {
      const Spread spread = SpreadOf(values);
      out["mean"].push_back(spread.mean);
      out["sd"].push_back(spread.sd);
      out["n"].push_back(spread.n);
      out["values"].push_back(values);
    }
    json["rows"].push_back(std::move(out));
  }
  return json;
}

}  // namespace

std::string SeedPath(const std::string& study_dir, uint64_t seed) {
  return absl::StrCat(study_dir, "/seed-", seed);
}

Recipe WithSeed(const Recipe& recipe, uint64_t seed) {
  Recipe changed = recipe;
  changed.set_seed(seed);
  return changed;
}

std::vector<StageConfig> CompareStages(const Recipe& recipe) {
  std::vector<StageConfig> stages;
  for (StageConfig& stage : ResolveStages(recipe)) {
    if (stage.has_compare()) stages.push_back(std::move(stage));
  }
  return stages;
}

absl::StatusOr<Study> ReadStudy(const std::string& dir, const Recipe& recipe,
                                const std::vector<uint64_t>& seeds) {
  Study study;
  study.dir = dir;
  study.recipe = recipe;
  for (const uint64_t seed : seeds) {
    R1_ASSIGN_OR_RETURN(StudyRun run, ReadStudyRun(SeedPath(dir, seed),
                                                   WithSeed(recipe, seed)));
    study.runs.push_back(std::move(run));
  }
  for (const StageConfig& compare : CompareStages(recipe)) {
    std::vector<std::optional<StageTable>> tables(seeds.size());
    for (size_t s = 0; s < seeds.size(); ++s) {
      const std::string run_dir = SeedPath(dir, seeds[s]);
      if (!IsFinishedStage(run_dir, compare.name())) continue;
      R1_ASSIGN_OR_RETURN(tables[s], ReadStageTable(run_dir, compare));
    }
    study.tables.push_back(MergeStageTables(compare.name(), seeds, tables));
  }
  return study;
}

std::string RecipeText(const Recipe& recipe) {
  Recipe same = recipe;
  same.clear_seed();
  same.clear_threads();
  return ConfigToText(same);
}

std::string RecipeSha256(const Recipe& recipe) {
  return Sha256Hex(RecipeText(recipe));
}

int NumDone(const Study& study) {
  return static_cast<int>(
      std::count_if(study.runs.begin(), study.runs.end(),
                    [](const StudyRun& run) { return run.is_done; }));
}

std::string DescribeMissing(const Study& study) {
  std::vector<std::string> missing;
  for (const StudyRun& run : study.runs) {
    if (run.is_done) continue;
    missing.push_back(absl::StrCat("seed ", run.seed, ": ",
                                   !run.failure.empty()
                                       ? absl::StrCat("failed, ", run.failure)
                                   : run.has_begun ? "begun"
                                                   : "to do"));
  }
  if (missing.empty()) return "";
  return absl::StrCat(NumDone(study), " of ", study.runs.size(),
                      " seeds are done; ", absl::StrJoin(missing, "; "));
}

std::string DescribeStudy(const Study& study) {
  std::string text = absl::StrCat(
      study.dir, ": ", NumDone(study), " of ", study.runs.size(),
      study.runs.size() == 1 ? " seed" : " seeds, mean ± standard deviation",
      "\n");
  for (const StudyTable& table : study.tables) {
    const bool is_whole = table.n == static_cast<int>(study.runs.size());
    absl::StrAppend(&text, "\n", table.stage,
                    is_whole ? "" : absl::StrCat(" (n ", table.n, ")"), "\n",
                    RenderStudyTable(table));
  }
  absl::StrAppend(&text, "\n  page     ", study.dir, "/study.html\n  numbers  ",
                  study.dir, "/study.json\n");
  return text;
}

std::string StudyJson(const Study& study) {
  nlohmann::ordered_json json;
  json["whole"] = NumDone(study) == static_cast<int>(study.runs.size());
  json["recipe_sha256"] = RecipeSha256(study.recipe);
  json["seeds"] = nlohmann::ordered_json::array();
  json["runs"] = nlohmann::ordered_json::array();
  for (const StudyRun& run : study.runs) {
    json["seeds"].push_back(run.seed);
    json["runs"].push_back(RunJson(run));
  }
  json["tables"] = nlohmann::ordered_json::array();
  for (const StudyTable& table : study.tables) {
    json["tables"].push_back(TableJson(table));
  }
  // A failure may quote what a model wrote, in bytes that are no text.
  return json.dump(2, ' ', /*ensure_ascii=*/false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

absl::Status WriteStudyReport(const Study& study) {
  R1_RETURN_IF_ERROR(
      WriteFileAtomic(study.dir + "/study.json", StudyJson(study)));
  return WriteFileAtomic(study.dir + "/study.html", StudyPage(study));
}

}  // namespace r1
