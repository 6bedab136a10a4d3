#include "pipeline/run/study.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/process/exit_code.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/run/check_inputs.h"
#include "pipeline/run/run.h"
#include "pipeline/screen/progress.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

absl::Status CheckCompares(const Recipe& recipe) {
  if (!CompareStages(recipe).empty()) return absl::OkStatus();
  std::vector<std::string> models;
  for (const StageConfig& stage : ResolveStages(recipe)) {
    if (!stage.has_supervised() && !stage.has_rl()) continue;
    models.push_back(absl::StrCat("stage: \"", stage.name(), "\""));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the recipe has no stage that compares models, of which a study shows "
      "mean and spread: add stage { name: \"table\" compare { ",
      absl::StrJoin(models, " "), " } }"));
}

// Errors: FailedPrecondition if the folder holds what no study does.
absl::Status CheckIsStudyOrEmpty(const std::string& dir,
                                 const std::vector<uint64_t>& seeds) {
  if (!FileExists(dir)) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(dir));
  for (const std::string& name : names) {
    if (name == "lock" || absl::StartsWith(name, "study.")) continue;
    if (absl::StartsWith(name, "seed-")) {
      const bool is_asked = absl::c_any_of(seeds, [&](uint64_t seed) {
        return name == absl::StrCat("seed-", seed);
      });
      if (is_asked) continue;
      LogInfo(absl::StrCat(dir, "/", name, " is left out: --seeds has not it"));
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat(dir, " holds files but no study (", name,
                     "): give --dir a new or empty folder"));
  }
  return absl::OkStatus();
}

// A study while it runs.
class StudyRunner {
 public:
  explicit StudyRunner(const StudySpec& spec) : spec_(spec) {}

  absl::StatusOr<Study> Run();

 private:
  std::string Path(uint64_t seed) const { return SeedPath(spec_.dir, seed); }
  absl::Status Check();
  absl::Status TakeBack();
  absl::Status RunSeeds();
  absl::Status RunSeed(uint64_t seed);
  absl::StatusOr<Study> Write() const;
  int64_t StagesDone(uint64_t seed) const;
  // ", about 12:10 for all that is left"; empty while no seed is done.
  std::string TimeLeft(const Study& study) const;

  const StudySpec& spec_;
  std::map<uint64_t, absl::Status> failures_;
};

int64_t StudyRunner::StagesDone(uint64_t seed) const {
  const auto& stages = spec_.recipe.stage();
  return std::count_if(stages.begin(), stages.end(), [&](const Stage& stage) {
    return IsFinishedStage(Path(seed), stage.name());
  });
}

absl::Status StudyRunner::Check() {
  R1_RETURN_IF_ERROR(CheckCompares(spec_.recipe));
  R1_RETURN_IF_ERROR(CheckIsStudyOrEmpty(spec_.dir, spec_.seeds));
  std::vector<uint64_t> left;
  for (const uint64_t seed : spec_.seeds) {
    const Recipe recipe = WithSeed(spec_.recipe, seed);
    const absl::Status status =
        RunFolder::Check(Path(seed), recipe, spec_.accept_build, spec_.redo);
    if (!status.ok()) {
      // The remedies are those of `r1 train`.
      return absl::Status(
          status.code(),
          absl::StrCat(status.message(), " (the run of the seed ", seed,
                       " is r1 train RECIPE --run-dir ", Path(seed),
                       " --set seed=", seed, ")"));
    }
    R1_ASSIGN_OR_RETURN(const bool is_done, IsFinishedRun(Path(seed), recipe));
    if (!is_done || !spec_.redo.empty()) left.push_back(seed);
  }
  if (left.empty()) return absl::OkStatus();
  // All seeds read the same; the one with the least done still reads the most.
  const uint64_t first = *std::min_element(
      left.begin(), left.end(),
      [&](uint64_t a, uint64_t b) { return StagesDone(a) < StagesDone(b); });
  return CheckInputs(ResolveStages(WithSeed(spec_.recipe, first)), Path(first),
                     spec_.topology);
}

// What is to be computed anew, in all runs before the first goes on.
absl::Status StudyRunner::TakeBack() {
  if (spec_.redo.empty()) return absl::OkStatus();
  for (const uint64_t seed : spec_.seeds) {
    if (!IsRunFolder(Path(seed))) continue;
    R1_RETURN_IF_ERROR(
        Annotate(RunFolder::Open(Path(seed), WithSeed(spec_.recipe, seed),
                                 spec_.accept_build, spec_.redo)
                     .status(),
                 absl::StrCat("seed ", seed)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Study> StudyRunner::Write() const {
  R1_ASSIGN_OR_RETURN(Study study,
                      ReadStudy(spec_.dir, spec_.recipe, spec_.seeds));
  for (StudyRun& run : study.runs) {
    const auto failure = failures_.find(run.seed);
    if (failure == failures_.end()) continue;
    run.failure = std::string(failure->second.message());
  }
  R1_RETURN_IF_ERROR(WriteStudyReport(study));
  return study;
}

std::string StudyRunner::TimeLeft(const Study& study) const {
  std::vector<double> done;
  for (const StudyRun& run : study.runs) {
    if (run.is_done) done.push_back(run.wall_seconds);
  }
  if (done.empty()) return "";
  const double mean = SpreadOf(done).mean;
  double seconds = 0;
  for (const StudyRun& run : study.runs) {
    if (run.is_done || !run.failure.empty()) continue;
    seconds += std::max(0.0, mean - run.wall_seconds);
  }
  return absl::StrCat(", about ", FormatSpan(absl::Seconds(seconds)),
                      " for all that is left");
}

absl::Status StudyRunner::RunSeed(uint64_t seed) {
  RunSpec run;
  run.recipe = WithSeed(spec_.recipe, seed);
  run.run_dir = Path(seed);
  run.topology = spec_.topology;
  run.accept_build = spec_.accept_build;
  return RunAll(run).status();
}

// Errors: what stops all seeds.
absl::Status StudyRunner::RunSeeds() {
  R1_ASSIGN_OR_RETURN(Study study, Write());
  for (size_t s = 0; s < spec_.seeds.size(); ++s) {
    if (study.runs[s].is_done) continue;
    const uint64_t seed = spec_.seeds[s];
    const std::string name = absl::StrCat("seed ", seed, " (", s + 1, " of ",
                                          spec_.seeds.size(), ")");
    if (StopRequested()) {
      return absl::CancelledError(
          absl::StrCat("interrupted before ", name,
                       ", everything is saved: the same command goes on"));
    }
    LogInfo(absl::StrCat(name, " begins", TimeLeft(study)));
    const absl::Status status = RunSeed(seed);
    if (ExitCodeOf(status) == kExitAgain) {
      return Annotate(status, absl::StrCat("seed ", seed));
    }
    if (!status.ok()) {
      failures_[seed] = status;
      LogWarning(absl::StrCat(name, " failed: ", status.message()));
    }
    R1_ASSIGN_OR_RETURN(study, Write());
    if (!status.ok()) continue;
    const double seconds = study.runs[s].wall_seconds;
    LogInfo(
        absl::StrCat(name, " is done in ", FormatSpan(absl::Seconds(seconds))));
  }
  return absl::OkStatus();
}

absl::StatusOr<Study> StudyRunner::Run() {
  R1_RETURN_IF_ERROR(Check());
  R1_RETURN_IF_ERROR(MakeDirectories(spec_.dir));
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> lock,
                      FileLock::Acquire(spec_.dir + "/lock"));
  R1_RETURN_IF_ERROR(TakeBack());
  const absl::Status status = RunSeeds();
  R1_ASSIGN_OR_RETURN(Study study, Write());
  R1_RETURN_IF_ERROR(status);
  if (failures_.empty()) return study;
  const auto& [seed, first] = *failures_.begin();
  return absl::Status(
      first.code(), absl::StrCat(failures_.size(), " of ", spec_.seeds.size(),
                                 " seeds failed, ", spec_.dir,
                                 "/study.html has the others: ", "seed ", seed,
                                 ": ", first.message()));
}

}  // namespace

absl::StatusOr<Study> RunStudy(const StudySpec& spec) {
  return StudyRunner(spec).Run();
}

}  // namespace r1
