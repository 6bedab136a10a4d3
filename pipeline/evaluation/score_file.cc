#include "pipeline/evaluation/score_file.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "pipeline/process/stop_signal.h"
#include "reward/core/json_lines.h"
#include "reward/core/result.h"
#include "reward/core/score_pool.h"

namespace r1 {
namespace {

using Output = std::function<void(const std::string& line)>;

// Lines whose results are not written yet: enough to keep all threads, or one
// server, busy; little enough to show progress and to bound the memory.
constexpr size_t kWindowItems = 1024;
constexpr size_t kWindowBytes = 16 << 20;

// So often a wait for servers looks whether it is to stop.
constexpr absl::Duration kStopCheck = absl::Milliseconds(200);

// Where the items are scored.
class Backend {
 public:
  virtual ~Backend() = default;
  // Takes items that may be compared.
  virtual void Submit(std::vector<RewardItem> items) = 0;
  // Any result that is to come. Errors: Cancelled once a stop was requested.
  virtual absl::StatusOr<RewardResult> Next() = 0;
};

// In this process: what was submitted, when a result is asked for.
class LocalBackend : public Backend {
 public:
  LocalBackend(const Scorer& scorer, const ScoreFileOptions& options)
      : scorer_(scorer), pool_(options.threads, options.item_limit) {}

  void Submit(std::vector<RewardItem> items) override {
    std::move(items.begin(), items.end(), std::back_inserter(items_));
  }

  absl::StatusOr<RewardResult> Next() override {
    if (results_.empty()) {
      if (StopRequested()) return absl::CancelledError("interrupted");
      R1_ASSIGN_OR_RETURN(std::vector<RewardResult> results,
                          pool_.ScoreAll(scorer_, std::exchange(items_, {}),
                                         absl::InfiniteFuture()));
      std::move(results.begin(), results.end(), std::back_inserter(results_));
    }
    RewardResult result = std::move(results_.front());
    results_.pop_front();
    return result;
  }

 private:
  const Scorer& scorer_;
  ScorePool pool_;
  std::vector<RewardItem> items_;
  std::deque<RewardResult> results_;
};

class ServerBackend : public Backend {
 public:
  ServerBackend(std::vector<RewardEndpoint> servers, RewardClientOptions client)
      : client_(std::move(servers), std::move(client)) {}

  void Submit(std::vector<RewardItem> items) override {
    client_.SubmitTogether(std::move(items));
  }

  absl::StatusOr<RewardResult> Next() override {
    for (;;) {
      if (StopRequested()) return absl::CancelledError("interrupted");
      auto result = client_.Next(absl::Now() + kStopCheck);
      if (!absl::IsDeadlineExceeded(result.status())) return result;
    }
  }

 private:
  RewardClient client_;
};

// Results come in any order; lines go out in that of the input.
class FileScorer {
 public:
  FileScorer(Backend* backend, size_t window_items, std::string name,
             const Output& output)
      : backend_(backend),
        window_items_(window_items),
        name_(std::move(name)),
        output_(output) {}

  absl::Status AddLine(absl::string_view line, int64_t number) {
    ++summary_.lines;
    Row row;
    row.size_bytes = line.size();
    bytes_ += line.size();
    auto parsed = ParseItemLine(line);
    if (parsed.ok()) {
      row.id = std::move(parsed->id);
      RewardItem& item = parsed->item;
      item.set_id(absl::StrCat(num_written_ + rows_.size()));
      if (!group_.empty() &&
          (item.group().empty() || item.group() != group_[0].group())) {
        SubmitGroup();
      }
      group_.push_back(std::move(item));
    } else {
      const std::string problem =
          absl::StrCat(name_, ":", number, ": ", parsed.status().message());
      if (++summary_.malformed == 1) summary_.first_problem = problem;
      row.id = "null";
      row.is_malformed = true;
      row.result = ErrorResult("", problem);
    }
    rows_.push_back(std::move(row));
    WriteFinished();
    while (num_submitted_ > 0 &&
           (rows_.size() >= window_items_ || bytes_ >= kWindowBytes)) {
      R1_RETURN_IF_ERROR(TakeResult());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<ScoreFileSummary> Finish() {
    if (!group_.empty()) SubmitGroup();
    while (num_submitted_ > 0) R1_RETURN_IF_ERROR(TakeResult());
    return summary_;
  }

 private:
  // A line of the output.
  struct Row {
    std::string id;
    size_t size_bytes = 0;
    bool is_malformed = false;
    std::optional<RewardResult> result;
  };

  void SubmitGroup() {
    num_submitted_ += group_.size();
    backend_->Submit(std::exchange(group_, {}));
  }

  absl::Status TakeResult() {
    R1_ASSIGN_OR_RETURN(RewardResult result, backend_->Next());
    --num_submitted_;
    int64_t place = -1;
    const bool is_number = absl::SimpleAtoi(result.id(), &place);
    R1_CHECK(is_number && place >= num_written_ &&
                 place - num_written_ < rows_.size(),
             "a result is of a line that waits for it");
    rows_[place - num_written_].result = std::move(result);
    WriteFinished();
    return absl::OkStatus();
  }

  void WriteFinished() {
    while (!rows_.empty() && rows_.front().result.has_value()) {
      const Row& row = rows_.front();
      const RewardResult& result = *row.result;
      if (!row.is_malformed) {
        ++summary_.counts[result.kind()];
        if (result.kind() == REWARD_SCORE) {
          summary_.total_sum += result.total();
        }
      }
      output_(ResultLine(row.id, result));
      bytes_ -= row.size_bytes;
      rows_.pop_front();
      ++num_written_;
    }
  }

  Backend* const backend_;
  const size_t window_items_;
  const std::string name_;
  const Output& output_;
  std::deque<Row> rows_;
  int64_t num_written_ = 0;        // the place of the first row
  std::vector<RewardItem> group_;  // of the last lines, to be submitted
  size_t num_submitted_ = 0;       // without a result
  size_t bytes_ = 0;               // of the rows' lines
  ScoreFileSummary summary_;
};

absl::StatusOr<ScoreFileSummary> ScoreLines(FileScorer file,
                                            std::istream* input) {
  std::string text;
  for (int64_t number = 1; std::getline(*input, text); ++number) {
    absl::string_view line = text;
    if (number == 1) absl::ConsumePrefix(&line, "\xEF\xBB\xBF");
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) R1_RETURN_IF_ERROR(file.AddLine(line, number));
  }
  return file.Finish();
}

}  // namespace

absl::StatusOr<ScoreFileSummary> ScoreFile(const Scorer& scorer,
                                           const ScoreFileOptions& options,
                                           std::istream* input,
                                           const Output& output) {
  LocalBackend backend(scorer, options);
  return ScoreLines(FileScorer(&backend, kWindowItems, options.name, output),
                    input);
}

absl::StatusOr<ScoreFileSummary> ScoreFileOnServers(
    std::vector<RewardEndpoint> servers, RewardClientOptions client,
    const ScoreFileOptions& options, std::istream* input,
    const Output& output) {
  const size_t window_items = kWindowItems * servers.size();
  ServerBackend backend(std::move(servers), std::move(client));
  return ScoreLines(FileScorer(&backend, window_items, options.name, output),
                    input);
}

}  // namespace r1
