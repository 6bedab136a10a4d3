// Scores a file of completions: what `r1 reward score` does.
#ifndef R1_PIPELINE_EVALUATION_SCORE_FILE_H_
#define R1_PIPELINE_EVALUATION_SCORE_FILE_H_

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reward/core/scorer.h"
#include "reward/service/channel.h"
#include "reward/service/client.h"

namespace r1 {

struct ScoreFileOptions {
  int threads = 1;
  // Most time one item may take.
  absl::Duration item_limit = absl::Seconds(10);
  // Names the input in messages.
  std::string name;
};

struct ScoreFileSummary {
  std::map<RewardKind, int64_t> counts;  // of lines that were scored
  double total_sum = 0;                  // of those with a score
  int64_t lines = 0;                     // without blank ones
  int64_t malformed = 0;
  std::string first_problem;  // "NAME:LINE: reason" of the first of them
};

// Reads items, one a line (reward/core/json_lines.h), and hands over a line for
// each, in their order: its result, or for a malformed line an "error" with the
// id null and the line's number and reason in its detail. Blank lines are
// skipped. Lines of a group must follow each other. Errors: Cancelled once a
// stop was requested (pipeline/process/stop_signal.h).
absl::StatusOr<ScoreFileSummary> ScoreFile(
    const Scorer& scorer, const ScoreFileOptions& options, std::istream* input,
    const std::function<void(const std::string& line)>& output);

// The same on reward servers, all of them at once; of the options only the name
// counts. Memory is bounded whatever the length of the file.
// Errors: also those of RewardClient.
absl::StatusOr<ScoreFileSummary> ScoreFileOnServers(
    std::vector<RewardEndpoint> servers, RewardClientOptions client,
    const ScoreFileOptions& options, std::istream* input,
    const std::function<void(const std::string& line)>& output);

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_SCORE_FILE_H_
