#include "pipeline/screen/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pipeline/screen/escape.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

// Least time between the lines of two steps; the last step has one anyway.
constexpr absl::Duration kLineInterval = absl::Seconds(1);

class PlainProgress : public Progress {
 public:
  PlainProgress(std::FILE* stream, std::function<absl::Time()> clock)
      : stream_(stream), clock_(std::move(clock)) {}

  void Stages(std::vector<StageStatus> stages) override {
    if (stages.size() < 2) return;
    for (size_t i = 0; i < stages.size(); ++i) {
      if (stages[i].state != StageStatus::State::kRunning) continue;
      std::string line =
          absl::StrCat("stage ", i + 1, " of ", stages.size(), ": ",
                       stages[i].name, " (", stages[i].kind, ")");
      const std::string left = LeftOfRun(stages, stages[i].time).ToString();
      if (!left.empty()) absl::StrAppend(&line, ", left of the run ", left);
      std::lock_guard<std::mutex> lock(mutex_);
      Print(line);
    }
  }

  void Describe(const std::string& model) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (model == model_) return;
    model_ = model;
    Print(absl::StrCat("model: ", model));
  }

  void StartStage(const std::string& stage, int64_t done_steps,
                  int64_t total_steps) override {
    std::lock_guard<std::mutex> lock(mutex_);
    stage_ = stage;
    total_steps_ = total_steps;
    eta_ = EtaEstimator();
    last_ = clock_();
    last_print_ = absl::InfinitePast();
    if (done_steps > 0) {
      Print(absl::StrCat(stage, ": going on after step ", done_steps, " of ",
                         total_steps));
    } else {
      Print(absl::StrCat(stage, ": ", total_steps, " steps"));
    }
  }

  void Activity(const std::string&, int64_t, int64_t) override {}
  void Workers(std::vector<WorkerStatus>) override {}

  void Step(int64_t step, const Metrics& metrics) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::Time now = clock_();
    if (step > 0) eta_.AddStep(now - last_);  // 0: what was there before
    last_ = now;
    // A log of thousands of pretraining steps, milliseconds each, helps nobody.
    const bool is_last = step == total_steps_;
    if (now - last_print_ < kLineInterval && !is_last) return;
    if (step > 0) last_print_ = now;
    std::string line = absl::StrCat(stage_, " ", step, "/", total_steps_);
    for (const ShownMetric& shown : ShownMetrics()) {
      if (*shown.brief == '\0') continue;
      const double value = MetricOr(metrics, shown.name, std::nan(""));
      if (std::isnan(value) || (shown.is_fault && value == 0)) continue;
      absl::StrAppend(&line, "  ", shown.brief, " ",
                      FormatMetric(shown.format, value));
    }
    EtaEstimator::Estimate left;
    if (eta_.Remaining(total_steps_ - step, &left)) {
      absl::StrAppend(&line, "  left ", FormatSpan(left.median));
    }
    Print(line);
  }

  void Eval(int64_t step, const Metrics& metrics) override {
    std::lock_guard<std::mutex> lock(mutex_);
    std::string line = absl::StrCat("eval at step ", step);
    for (const auto& [name, value] : metrics) {
      if (IsEvalDetail(name)) continue;
      absl::StrAppendFormat(&line, "  %s %.4g", VisibleLine(name), value);
    }
    Print(line);
  }

 private:
  void Print(const std::string& line) {
    std::fprintf(stream_, "%s\n", line.c_str());
    std::fflush(stream_);
  }

  std::FILE* stream_;
  const std::function<absl::Time()> clock_;
  std::mutex mutex_;  // guards all below
  std::string model_, stage_;
  int64_t total_steps_ = 0;
  absl::Time last_, last_print_;
  EtaEstimator eta_;
};

using Format = ShownMetric::Format;

// 1234567 -> "1,234,567".
std::string WithThousands(int64_t value) {
  std::string digits = absl::StrCat(std::abs(value));
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(i, 1, ',');
  }
  return value < 0 ? absl::StrCat("-", digits) : digits;
}

}  // namespace

const std::vector<ShownMetric>& ShownMetrics() {
  // Names: learner/README.md.
  static const auto* metrics = new std::vector<ShownMetric>{
      {"reward", "reward", "reward/mean", Format::kNumber},
      {"accuracy", "accuracy", "accuracy", Format::kPercent},
      {"format", "format", "format", Format::kPercent},
      {"errors", "errors", "reward/errors", Format::kCount, true},
      {"abstentions", "abstained", "reward/abstains", Format::kCount, true},
      {"not applicable", "n/a", "reward/not_applicable", Format::kCount, true},
      {"length", "length", "response_length/mean", Format::kNumber},
      {"truncated", "", "truncated_share", Format::kPercent},
      {"equal groups", "", "advantage/zero_groups", Format::kPercent},
      {"loss", "loss", "loss", Format::kNumber},
      {"held-out loss", "held_out", "held_out_loss", Format::kNumber},
      {"KL", "kl", "kl", Format::kScientific},
      {"entropy", "entropy", "entropy", Format::kNumber},
      {"clip fraction", "clip", "clip_fraction", Format::kPercent},
      {"mismatch", "mismatch", "max_logprob_mismatch", Format::kScientific},
      {"gradient norm", "", "grad_norm", Format::kNumber},
      {"generate tok/s", "gen_tok/s", "tokens_per_second/generate",
       Format::kCount},
      {"train tok/s", "train_tok/s", "tokens_per_second/train", Format::kCount},
  };
  return *metrics;
}

std::string FormatMetric(Format format, double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  switch (format) {
    case Format::kPercent:
      return absl::StrFormat("%.1f %%", 100 * value);
    case Format::kCount:
      if (std::abs(value) < 1e15) return WithThousands(std::llround(value));
      break;
    case Format::kScientific:
      if (value == 0) return "0";
      return absl::StrFormat("%.1e", value);
    case Format::kNumber:
      break;
  }
  if (value != 0 && (std::abs(value) < 1e-3 || std::abs(value) >= 1e5)) {
    return absl::StrFormat("%.2e", value);
  }
  return absl::StrFormat(std::abs(value) >= 100 ? "%.1f" : "%.3f", value);
}

// "mean_length" of "sums/mean_length", an evaluation of one task of several.
absl::string_view OfAnyTask(absl::string_view name) {
  const size_t rule = name.find("reward/");
  return name.substr(rule != name.npos ? rule : name.rfind('/') + 1);
}

bool IsEvalDetail(absl::string_view name) {
  const absl::string_view plain = OfAnyTask(name);
  return plain.size() < name.size() && plain != "pass@1" && plain != "format" &&
         !IsEvalFault(plain);
}

bool IsEvalFault(absl::string_view name) {
  name = OfAnyTask(name);
  return name == "abstained" || name == "errors" || name == "unjudged" ||
         name == "abstained_samples" || name == "not_applicable";
}

std::string FormatEvalMetric(absl::string_view name, double value) {
  name = OfAnyTask(name);
  if (name == "mean_length") return absl::StrFormat("%.1f", value);
  if (absl::StartsWith(name, "reward/")) {
    return FormatMetric(ShownMetric::Format::kNumber, value);
  }
  return FormatMetric(name == "problems" || IsEvalFault(name)
                          ? ShownMetric::Format::kCount
                          : ShownMetric::Format::kPercent,
                      value);
}

std::string FormatSpan(absl::Duration duration) {
  const int64_t s =
      std::max<int64_t>(0, absl::ToInt64Seconds(duration + absl::Seconds(0.5)));
  if (s >= 3600) {
    return absl::StrFormat("%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  }
  return absl::StrFormat("%d:%02d", s / 60, s % 60);
}

void EtaEstimator::AddStep(absl::Duration duration) {
  if (seconds_.size() == kWindow) seconds_.erase(seconds_.begin());
  seconds_.push_back(absl::ToDoubleSeconds(duration));
}

bool EtaEstimator::Remaining(int64_t remaining, Estimate* estimate) const {
  const double n = static_cast<double>(seconds_.size());
  if (n < 2 || remaining < 0) return false;
  double mean = 0, variance = 0;
  for (const double s : seconds_) mean += s / n;
  for (const double s : seconds_) variance += (s - mean) * (s - mean) / (n - 1);
  const double r = static_cast<double>(remaining);
  constexpr double kNormal90 = 1.2816;  // 90 % quantile of the normal
  estimate->median = absl::Seconds(mean * r);
  estimate->p90 = absl::Seconds(mean * r + kNormal90 * std::sqrt(variance) *
                                               std::sqrt(r + r * r / n));
  return true;
}

std::string TimeLeft::ToString() const {
  if (is_more && time < absl::Seconds(1)) return "";
  return absl::StrCat(is_more ? "more than " : "", FormatSpan(time));
}

TimeLeft LeftOfRun(const std::vector<StageStatus>& stages,
                   std::optional<absl::Duration> running) {
  TimeLeft left;
  for (const StageStatus& stage : stages) {
    if (stage.state == StageStatus::State::kDone) continue;
    const std::optional<absl::Duration> time =
        stage.state == StageStatus::State::kRunning ? running : stage.time;
    if (time) left.time += *time;
    left.is_more |= !time.has_value();
  }
  return left;
}

std::unique_ptr<Progress> MakePlainProgress(std::FILE* stream,
                                            std::function<absl::Time()> clock) {
  return std::make_unique<PlainProgress>(stream, std::move(clock));
}

}  // namespace r1
