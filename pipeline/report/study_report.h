// STUDY/: what the runs of one recipe with several seeds found together.
//   seed-N/      the run with the seed N
//   study.json   for programs
//   study.html   for people: one file without script or network
#ifndef R1_PIPELINE_REPORT_STUDY_REPORT_H_
#define R1_PIPELINE_REPORT_STUDY_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pipeline/report/study_table.h"
#include "proto/config.pb.h"

namespace r1 {

// One seed of a study.
struct StudyRun {
  uint64_t seed = 0;
  bool has_begun = false;
  bool is_done = false;
  std::string failure;   // why it ended without being done; empty: it did not
  std::string build_id;  // empty before it has begun
  double wall_seconds = 0;
  struct Stage {
    std::string name;
    double seconds = 0;
    std::string output_sha256;  // empty before the stage is done
  };
  std::vector<Stage> stages;  // of the recipe, in order
};

struct Study {
  std::string dir;
  Recipe recipe;  // its seed means nothing
  std::vector<StudyRun> runs;
  std::vector<StudyTable> tables;  // one of each stage that compares
};

// Folder of the run with this seed.
std::string SeedPath(const std::string& study_dir, uint64_t seed);
// The recipe of the run with this seed.
Recipe WithSeed(const Recipe& recipe, uint64_t seed);
// The resolved stages that compare models.
std::vector<StageConfig> CompareStages(const Recipe& recipe);

// What lies in the folder, whole or not, even while a run goes on.
// Errors: of reading the runs.
absl::StatusOr<Study> ReadStudy(const std::string& dir, const Recipe& recipe,
                                const std::vector<uint64_t>& seeds);

// The recipe's text without the seed and how many threads it has, and the
// SHA-256 of that.
std::string RecipeText(const Recipe& recipe);
std::string RecipeSha256(const Recipe& recipe);
// How many runs are done.
int NumDone(const Study& study);
// "2 of 3 seeds are done; seed 3: begun", for people; empty if all are.
std::string DescribeMissing(const Study& study);
// The tables, and where the files are.
std::string DescribeStudy(const Study& study);
// The content of study.json; shape: pipeline/report/README.md.
std::string StudyJson(const Study& study);

// Writes study.json and study.html.
absl::Status WriteStudyReport(const Study& study);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_STUDY_REPORT_H_
