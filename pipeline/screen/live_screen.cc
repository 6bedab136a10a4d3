#include "pipeline/screen/live_screen.h"

#include <algorithm>
#include <cmath>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pipeline/screen/escape.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

// Messages that are shown on any terminal but the lowest.
constexpr size_t kLeastLogRows = 2;
// Rows that the stages of the run may take.
constexpr size_t kStageRows = 2;

constexpr char kBold[] = "\x1b[1m";
constexpr char kDim[] = "\x1b[2m";
constexpr char kGreen[] = "\x1b[32m";
constexpr char kYellow[] = "\x1b[33m";
constexpr char kCyan[] = "\x1b[36m";
constexpr char kReset[] = "\x1b[0m";

// One line under construction, cut at the terminal's width.
class Line {
 public:
  Line(int columns, bool use_color) : left_(columns), color_(use_color) {}

  Line& Add(absl::string_view text, absl::string_view style = "") {
    const std::string cut = TruncateToWidth(VisibleLine(text), left_);
    left_ -= DisplayWidth(cut);
    if (color_ && !style.empty()) {
      absl::StrAppend(&text_, style, cut, kReset);
    } else {
      absl::StrAppend(&text_, cut);
    }
    return *this;
  }
  // Spaces up to column `column`, counted from 0 at the line's start.
  Line& PadTo(int total_columns, int column) {
    const int at = total_columns - left_;
    if (column > at) Add(std::string(column - at, ' '));
    return *this;
  }
  int left() const { return left_; }
  std::string Take() { return std::move(text_); }

 private:
  int left_;
  bool color_;
  std::string text_;
};

class Screen {
 public:
  Screen(const ScreenState& state, const ScreenSize& size, bool use_color)
      : state_(state),
        columns_(size.columns),
        rows_(size.rows),
        color_(use_color) {}

  std::vector<std::string> Render() {
    Header();
    StageRows();
    ProgressBar();
    NowLine();
    Blank();
    MetricRows();
    Blank();
    EvalRow();
    WorkerRows();
    LogRows();
    if (static_cast<int>(lines_.size()) > rows_ - 1) {
      lines_.resize(std::max(0, rows_ - 1));
    }
    while (static_cast<int>(lines_.size()) < rows_ - 1) Blank();
    Footer();
    if (static_cast<int>(lines_.size()) > rows_) lines_.resize(rows_);
    return std::move(lines_);
  }

 private:
  Line NewLine() const { return Line(columns_, color_); }
  void Put(Line line) { lines_.push_back(line.Take()); }
  void Blank() { lines_.emplace_back(); }

  void Header() {
    Line line = NewLine();
    line.Add(" r1 ", kBold).Add(state_.run_name, kCyan);
    line.Add("   ").Add(state_.description, kDim);
    Put(std::move(line));
  }

  // All stages in at most two rows, and the time to the end behind them. Where
  // they do not fit, those done are counted first, then the last to do.
  void StageRows() {
    const auto& stages = state_.stages;
    if (stages.size() < 2) return;
    const auto running = absl::c_find_if(stages, [](const StageStatus& stage) {
      return stage.state == StageStatus::State::kRunning;
    });
    const size_t now = running == stages.end() ? 0 : running - stages.begin();
    size_t first = 0, end = stages.size();
    std::vector<Line> rows = StageLines(first, end);
    while (rows.size() > kStageRows && (first < now || end > now + 1)) {
      first < now ? ++first : --end;
      rows = StageLines(first, end);
    }
    rows.erase(rows.begin() + std::min(rows.size(), kStageRows), rows.end());
    for (Line& row : rows) Put(std::move(row));
  }

  // Stages [first, end) one by one, the others as counts.
  std::vector<Line> StageLines(size_t first, size_t end) const {
    std::vector<Line> rows = {NewLine()};
    const auto add = [&](const std::string& mark, const std::string& text,
                         absl::string_view style) {
      if (DisplayWidth(text) + 4 > rows.back().left()) {
        rows.push_back(NewLine());
      }
      rows.back().Add(" ").Add(mark, style).Add(" ").Add(text, style).Add(" ");
    };
    const auto& stages = state_.stages;
    if (first > 0) add("✓", absl::StrCat(first, " done"), kDim);
    for (size_t i = first; i < end; ++i) {
      switch (stages[i].state) {
        case StageStatus::State::kDone:
          add("✓", stages[i].name, kGreen);
          break;
        case StageStatus::State::kRunning:
          add("▶", stages[i].name, kBold);
          break;
        case StageStatus::State::kWaiting:
          add("·", stages[i].name, kDim);
          break;
      }
    }
    if (end < stages.size()) {
      add("·", absl::StrCat(stages.size() - end, " more"), kDim);
    }
    const std::string left = state_.left_of_run.ToString();
    if (!left.empty()) add("", absl::StrCat("left of the run ", left), "");
    return rows;
  }

  void ProgressBar() {
    Line line = NewLine();
    line.Add(" ").Add(state_.stage, kBold);
    line.Add(
        absl::StrFormat("  step %d/%d  ", state_.step, state_.total_steps));
    const double share =
        state_.total_steps > 0
            ? std::clamp(static_cast<double>(state_.step) / state_.total_steps,
                         0.0, 1.0)
            : 0;
    std::string tail = absl::StrFormat(" %3.0f %%  %s", 100 * share,
                                       FormatSpan(state_.elapsed));
    if (state_.has_eta) {
      absl::StrAppend(&tail, "  left ", FormatSpan(state_.eta.median), "–",
                      FormatSpan(state_.eta.p90));
    }
    const int width = std::clamp(line.left() - DisplayWidth(tail) - 1, 0, 60);
    const int filled = static_cast<int>(std::lround(share * width));
    std::string full, empty;
    for (int i = 0; i < filled; ++i) full += "█";
    for (int i = filled; i < width; ++i) empty += "░";
    line.Add(full, kGreen).Add(empty, kDim).Add(tail);
    Put(std::move(line));
  }

  void NowLine() {
    Line line = NewLine();
    line.Add(" now ", kDim).Add(state_.activity);
    if (state_.activity_total > 0) {
      line.Add(
          absl::StrCat(" ", state_.activity_done, "/", state_.activity_total));
    }
    Put(std::move(line));
  }

  // The metrics there is room for: a short terminal leaves out first those
  // that have no place on a plain line either, then the last ones. What stands
  // below must stay: a warning there says why nothing moves.
  std::vector<const ShownMetric*> MetricsThatFit() const {
    std::vector<const ShownMetric*> metrics;
    for (const ShownMetric& shown : ShownMetrics()) {
      const auto found = state_.history.find(shown.name);
      if (found == state_.history.end() || found->second.empty()) continue;
      if (shown.is_fault && absl::c_count(found->second, 0) ==
                                static_cast<int64_t>(found->second.size())) {
        continue;
      }
      metrics.push_back(&shown);
    }
    const size_t below = 2 + (state_.evals.empty() ? 0 : 1) +  // blank, footer
                         std::min<size_t>(2, state_.workers.size()) +
                         (state_.log.empty() ? 0 : 1 + kLeastLogRows);
    const size_t taken = lines_.size() + below;
    const size_t room = rows_ > static_cast<int>(taken) ? rows_ - taken : 0;
    if (metrics.size() > room) {
      std::erase_if(metrics, [](const ShownMetric* m) { return !*m->brief; });
    }
    if (metrics.size() > room) metrics.resize(room);
    return metrics;
  }

  void MetricRows() {
    constexpr int kLabelEnd = 17, kValueEnd = 29;
    for (const ShownMetric* shown : MetricsThatFit()) {
      const std::deque<double>& values = state_.history.at(shown->name);
      Line line = NewLine();
      line.Add(" ").Add(shown->label, kDim).PadTo(columns_, kLabelEnd);
      const std::string value = FormatMetric(shown->format, values.back());
      line.PadTo(columns_, kValueEnd - DisplayWidth(value));
      line.Add(value, kBold).Add("  ");
      line.Add(Sparkline(values, std::min(line.left() - 1, 60)), kGreen);
      Put(std::move(line));
    }
  }

  void EvalRow() {
    if (state_.evals.empty()) return;
    Line line = NewLine();
    line.Add(" held-out pass@1", kDim);
    // The first and the latest ones, as many as fit.
    const auto& evals = state_.evals;
    constexpr size_t kShown = 5;
    for (size_t i = 0; i < evals.size(); ++i) {
      if (i > 0 && i + kShown - 1 < evals.size()) continue;
      line.Add(absl::StrCat("   step ", evals[i].first, " "), kDim);
      line.Add(FormatMetric(ShownMetric::Format::kPercent,
                            MetricOr(evals[i].second, "pass@1", std::nan(""))),
               kBold);
    }
    Put(std::move(line));
  }

  void WorkerRows() {
    if (state_.workers.empty()) return;
    // The most that leaves room for some log lines and for the row that counts
    // the others.
    const int room = rows_ - static_cast<int>(lines_.size()) - 2 -
                     static_cast<int>(kLeastLogRows);
    const int count = static_cast<int>(state_.workers.size());
    const int most = count <= room ? count : std::max(1, room - 1);
    int shown = 0;
    for (const WorkerStatus& worker : state_.workers) {
      if (++shown > most) {
        Line line = NewLine();
        line.Add(absl::StrCat(" and ", count - most, " more"), kDim);
        Put(std::move(line));
        return;
      }
      Line line = NewLine();
      line.Add(" worker ", kDim).Add(worker.name);
      line.Add(absl::StrFormat("   %d in flight, %d samples",
                               worker.samples_in_flight,
                               worker.samples_finished));
      if (worker.since_last_heard > absl::Seconds(5)) {
        line.Add(
            absl::StrCat("   silent for ", FormatSpan(worker.since_last_heard)),
            kYellow);
      }
      Put(std::move(line));
    }
  }

  void LogRows() {
    const int room = rows_ - 1 - static_cast<int>(lines_.size()) - 1;
    if (room < 1 || state_.log.empty()) return;
    Blank();
    const size_t count = std::min<size_t>(room, state_.log.size());
    for (size_t i = state_.log.size() - count; i < state_.log.size(); ++i) {
      Line line = NewLine();
      const bool is_warning =
          state_.log[i].find("warning:") != std::string::npos;
      line.Add(" ").Add(state_.log[i], is_warning ? kYellow : kDim);
      Put(std::move(line));
    }
  }

  void Footer() {
    Line line = NewLine();
    if (state_.is_stopping) {
      line.Add(" stopping after this step; Ctrl-C again stops at once",
               kYellow);
    } else {
      line.Add(" Ctrl-C stops after this step; the same command goes on", kDim);
    }
    Put(std::move(line));
  }

  const ScreenState& state_;
  const int columns_, rows_;
  const bool color_;
  std::vector<std::string> lines_;
};

}  // namespace

std::string Sparkline(const std::deque<double>& values, int columns) {
  static constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄",
                                            "▅", "▆", "▇", "█"};
  if (columns <= 0) return "";
  const size_t count = std::min<size_t>(values.size(), columns);
  double low = INFINITY, high = -INFINITY;
  for (size_t i = values.size() - count; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  std::string line;
  for (size_t i = values.size() - count; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      line += ' ';
    } else if (high == low) {
      line += kBlocks[0];
    } else {
      const double share = (values[i] - low) / (high - low);
      line += kBlocks[std::clamp(static_cast<int>(share * 8), 0, 7)];
    }
  }
  return line;
}

std::vector<std::string> RenderScreen(const ScreenState& state,
                                      const ScreenSize& size, bool use_color) {
  return Screen(state, size, use_color).Render();
}

}  // namespace r1
