#include "pipeline/screen/live_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/live_screen.h"

namespace r1 {
namespace {

constexpr std::chrono::milliseconds kRefresh{200};
constexpr size_t kHistory = 512;            // values kept for the sparklines
constexpr size_t kLogLines = 500;           // kept for the end
constexpr ScreenSize kSmallest = {40, 16};  // else plain lines
constexpr ScreenSize kUsual = {80, 24};     // if the terminal does not say

constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr char kLeave[] = "\x1b[0m\x1b[?25h\x1b[?1049l";

bool TerminalSize(ScreenSize* size) {
  struct winsize window = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0) return false;
  if (window.ws_col == 0 || window.ws_row == 0) return false;
  *size = {window.ws_col, window.ws_row};
  return true;
}

// no-color.org: any text but the empty one turns colours off.
bool WantsColor() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

class LiveView : public Progress {
 public:
  explicit LiveView(const std::string& run_name)
      : use_color_(WantsColor()), started_(absl::Now()) {
    state_.run_name = run_name;
    state_.activity = "starting";
    SetTerminalRestore(kLeave);
    Write(kEnter);
    SetLogSink([this](const std::string& line) {
      std::lock_guard<std::mutex> lock(mutex_);
      state_.log.push_back(VisibleLine(line));
      if (state_.log.size() > kLogLines) state_.log.pop_front();
    });
    thread_ = std::thread([this] { DrawLoop(); });
  }

  ~LiveView() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      is_closing_ = true;
    }
    wake_.notify_all();
    thread_.join();
    SetLogSink({});
    Write(kLeave);
    SetTerminalRestore(nullptr);
    for (const std::string& line : state_.log) {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
  }

  void Stages(std::vector<StageStatus> stages) override {
    std::lock_guard<std::mutex> lock(mutex_);
    state_.stages = std::move(stages);
    stage_started_ = absl::Now();
  }

  void Describe(const std::string& model) override {
    std::lock_guard<std::mutex> lock(mutex_);
    state_.description = model;
  }

  void StartStage(const std::string& stage, int64_t done_steps,
                  int64_t total_steps) override {
    std::lock_guard<std::mutex> lock(mutex_);
    state_.stage = stage;
    state_.step = done_steps;
    state_.total_steps = total_steps;
    state_.history.clear();
    state_.evals.clear();
    state_.has_eta = false;
    state_.workers.clear();
    eta_ = EtaEstimator();
    last_step_ = absl::Now();
  }

  void Activity(const std::string& what, int64_t done, int64_t total) override {
    std::lock_guard<std::mutex> lock(mutex_);
    state_.activity = what;
    state_.activity_done = done;
    state_.activity_total = total;
  }

  void Step(int64_t step, const Metrics& metrics) override {
    std::lock_guard<std::mutex> lock(mutex_);
    state_.step = step;
    for (const auto& [name, value] : metrics) {
      std::deque<double>& values = state_.history[name];
      values.push_back(value);
      if (values.size() > kHistory) values.pop_front();
    }
    const absl::Time now = absl::Now();
    if (step > 0) eta_.AddStep(now - last_step_);
    last_step_ = now;
    state_.has_eta = eta_.Remaining(state_.total_steps - step, &state_.eta);
  }

  void Eval(int64_t step, const Metrics& metrics) override {
    std::lock_guard<std::mutex> lock(mutex_);
    state_.evals.emplace_back(step, metrics);
    last_step_ = absl::Now();  // an evaluation is no part of a step
  }

  void Workers(std::vector<WorkerStatus> workers) override {
    std::sort(workers.begin(), workers.end(),
              [](const WorkerStatus& a, const WorkerStatus& b) {
                return a.name < b.name;
              });
    std::lock_guard<std::mutex> lock(mutex_);
    state_.workers = std::move(workers);
  }

 private:
  void DrawLoop() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!is_closing_) {
      Draw();
      wake_.wait_for(lock, kRefresh, [this] { return is_closing_; });
    }
  }

  // Repaints line by line, without clearing first, so that nothing flickers;
  // a change of size clears once.
  void Draw() {
    ScreenSize size = kUsual;
    TerminalSize(&size);
    state_.elapsed = absl::Now() - started_;
    state_.is_stopping = StopRequested();
    state_.left_of_run = LeftOfRun(state_.stages, LeftOfStage());
    std::string frame;
    if (size.columns != size_.columns || size.rows != size_.rows) {
      frame += "\x1b[2J";
      size_ = size;
    }
    int row = 1;
    for (const std::string& line : RenderScreen(state_, size, use_color_)) {
      absl::StrAppend(&frame, "\x1b[", row++, ";1H", line, "\x1b[K");
    }
    Write(frame);
  }

  // By its steps; before there are two, by what other stages took.
  std::optional<absl::Duration> LeftOfStage() const {
    if (state_.has_eta) return state_.eta.median;
    for (const StageStatus& stage : state_.stages) {
      if (stage.state != StageStatus::State::kRunning || !stage.time) continue;
      return std::max(absl::ZeroDuration(),
                      *stage.time - (absl::Now() - stage_started_));
    }
    return std::nullopt;
  }

  static void Write(absl::string_view bytes) {
    // A terminal that is gone is no reason to stop a run.
    while (!bytes.empty()) {
      const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
      if (n <= 0) return;
      bytes.remove_prefix(n);
    }
  }

  const bool use_color_;
  const absl::Time started_;
  std::mutex mutex_;  // guards all below but the thread
  std::condition_variable wake_;
  ScreenState state_;
  ScreenSize size_ = {0, 0};
  EtaEstimator eta_;
  absl::Time last_step_ = absl::Now(), stage_started_ = absl::Now();
  bool is_closing_ = false;
  std::thread thread_;
};

bool CanShowScreen() {
  if (::isatty(STDOUT_FILENO) == 0) return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr || *term == '\0' || std::strcmp(term, "dumb") == 0) {
    return false;
  }
  ScreenSize size;
  return TerminalSize(&size) && size.columns >= kSmallest.columns &&
         size.rows >= kSmallest.rows;
}

}  // namespace

std::unique_ptr<Progress> MakeProgress(const std::string& run_name) {
  if (CanShowScreen()) return std::make_unique<LiveView>(run_name);
  return MakePlainProgress(stdout);
}

}  // namespace r1
