#include "pipeline/score_file.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "pipeline/stop_signal.h"
#include "reward/json_lines.h"
#include "reward/reply_check.h"
#include "reward/score_pool.h"

namespace r1 {
namespace {

// What is scored together: enough to keep all threads busy, little enough to
// show progress and to bound the memory.
constexpr size_t kBatchItems = 1024;
constexpr size_t kBatchBytes = 16 << 20;

class FileScorer {
 public:
  FileScorer(const Scorer& scorer, const ScoreFileOptions& options,
             const std::function<void(const std::string&)>& output)
      : scorer_(scorer),
        options_(options),
        output_(output),
        pool_(options.threads, options.item_limit) {}

  absl::Status AddLine(absl::string_view line, int64_t number) {
    ++summary_.lines;
    auto parsed = ParseItemLine(line);
    if (!parsed.ok()) {
      const std::string problem = absl::StrCat(options_.name, ":", number, ": ",
                                               parsed.status().message());
      if (++summary_.malformed == 1) summary_.first_problem = problem;
      rows_.push_back({"null", ErrorResult("", problem)});
      return absl::OkStatus();
    }
    const std::string& group = parsed->item.group();
    const bool is_full = items_.size() >= kBatchItems || bytes_ >= kBatchBytes;
    if (is_full && (group.empty() || group != items_.back().group())) {
      R1_RETURN_IF_ERROR(Flush());
    }
    bytes_ += line.size();
    rows_.push_back({std::move(parsed->id), std::nullopt});
    items_.push_back(std::move(parsed->item));
    return absl::OkStatus();
  }

  absl::Status Flush() {
    if (StopRequested()) return absl::CancelledError("interrupted");
    R1_ASSIGN_OR_RETURN(
        const std::vector<RewardResult> results,
        pool_.ScoreAll(scorer_, std::move(items_), absl::InfiniteFuture()));
    items_.clear();
    bytes_ = 0;
    size_t next = 0;
    for (const Row& row : rows_) {
      if (row.problem.has_value()) {
        output_(ResultLine(row.id, *row.problem));
        continue;
      }
      const RewardResult& result = results[next++];
      ++summary_.counts[result.kind()];
      if (result.kind() == REWARD_SCORE) summary_.total_sum += result.total();
      output_(ResultLine(row.id, result));
    }
    rows_.clear();
    return absl::OkStatus();
  }

  ScoreFileSummary summary() const { return summary_; }

 private:
  // A line of the output: `problem`, or the result of the next item.
  struct Row {
    std::string id;
    std::optional<RewardResult> problem;
  };

  const Scorer& scorer_;
  const ScoreFileOptions& options_;
  const std::function<void(const std::string&)>& output_;
  ScorePool pool_;
  std::vector<Row> rows_;
  std::vector<RewardItem> items_;
  size_t bytes_ = 0;  // of the items' lines
  ScoreFileSummary summary_;
};

}  // namespace

absl::StatusOr<ScoreFileSummary> ScoreFile(
    const Scorer& scorer, const ScoreFileOptions& options, std::istream* input,
    const std::function<void(const std::string& line)>& output) {
  FileScorer file(scorer, options, output);
  std::string text;
  for (int64_t number = 1; std::getline(*input, text); ++number) {
    absl::string_view line = text;
    if (number == 1) absl::ConsumePrefix(&line, "\xEF\xBB\xBF");
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) R1_RETURN_IF_ERROR(file.AddLine(line, number));
  }
  R1_RETURN_IF_ERROR(file.Flush());
  return file.summary();
}

}  // namespace r1
