#include "pipeline/report/report_warnings.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pipeline/screen/progress.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

using Format = ShownMetric::Format;

constexpr size_t kLeastSteps = 10;
constexpr double kLeastChange = 0.02;
constexpr double kStandardErrors = 2;
constexpr double kSomeTruncated = 0.05, kManyTruncated = 0.2;

// A metric over some steps.
struct Stretch {
  int64_t first_step = 0, last_step = 0;
  double mean = 0;
  double error = 0;  // standard error of the mean
};

// The first and the last fifth of a metric's steps.
struct Course {
  size_t steps = 0;
  Stretch first, last;

  bool Changes(int sign) const {
    const double change = sign * (last.mean - first.mean);
    return steps >= kLeastSteps && change > kLeastChange &&
           change > kStandardErrors * std::sqrt(first.error * first.error +
                                                last.error * last.error);
  }
  bool Rises() const { return Changes(1); }
  bool Falls() const { return Changes(-1); }
};

using Points = std::vector<std::pair<int64_t, double>>;

Stretch StretchOf(Points::const_iterator begin, Points::const_iterator end) {
  const double n = static_cast<double>(end - begin);
  Stretch stretch;
  stretch.first_step = begin->first;
  stretch.last_step = std::prev(end)->first;
  for (auto it = begin; it != end; ++it) stretch.mean += it->second / n;
  if (n < 2) return stretch;
  double squares = 0;
  for (auto it = begin; it != end; ++it) {
    squares += (it->second - stretch.mean) * (it->second - stretch.mean);
  }
  stretch.error = std::sqrt(squares / (n - 1) / n);
  return stretch;
}

Course CourseOf(const std::vector<const MetricsRow*>& rows,
                const char* metric) {
  Points points;
  for (const MetricsRow* row : rows) {
    const double value = MetricOr(row->metrics, metric, std::nan(""));
    if (std::isfinite(value)) points.emplace_back(row->step, value);
  }
  Course course;
  course.steps = points.size();
  if (points.empty()) return course;
  const auto fifth =
      static_cast<std::ptrdiff_t>(std::max<size_t>(1, points.size() / 5));
  course.first = StretchOf(points.begin(), points.begin() + fifth);
  course.last = StretchOf(points.end() - fifth, points.end());
  return course;
}

// "41.2 % (steps 1–16)"
std::string Show(const Stretch& stretch, Format format) {
  const std::string steps =
      stretch.first_step == stretch.last_step
          ? absl::StrCat("step ", stretch.first_step)
          : absl::StrCat("steps ", stretch.first_step, "–", stretch.last_step);
  return absl::StrCat(FormatMetric(format, stretch.mean), " (", steps, ")");
}

std::string FromTo(const Course& course, Format format) {
  return absl::StrCat("from ", Show(course.first, format), " to ",
                      Show(course.last, format));
}

void WatchStage(const std::string& stage,
                const std::vector<const MetricsRow*>& rows,
                std::vector<ReportWarning>* warnings) {
  const Course reward = CourseOf(rows, "reward/mean");
  const Course accuracy = CourseOf(rows, "accuracy");
  if (reward.Rises() && accuracy.Falls()) {
    warnings->push_back(
        {stage,
         absl::StrCat("The mean reward rises ", FromTo(reward, Format::kNumber),
                      " while accuracy falls ",
                      FromTo(accuracy, Format::kPercent),
                      ": the reward may be earned without right "
                      "answers (reward hacking).")});
  }
  const Course language = CourseOf(rows, "reward/rule/language");
  if (language.Falls()) {
    warnings->push_back(
        {stage, absl::StrCat("The share of the question's language falls ",
                             FromTo(language, Format::kPercent),
                             ": answers mix languages.")});
  }
  const Course truncated = CourseOf(rows, "truncated_share");
  if (truncated.Rises() && truncated.last.mean > kSomeTruncated) {
    warnings->push_back(
        {stage, absl::StrCat("The share of truncated answers rises ",
                             FromTo(truncated, Format::kPercent),
                             ": rollout.max_new_tokens cuts them off.")});
  } else if (truncated.last.mean > kManyTruncated) {
    warnings->push_back(
        {stage, absl::StrCat("Many answers are truncated, ",
                             Show(truncated.last, Format::kPercent),
                             ": rollout.max_new_tokens cuts them off.")});
  }
}

}  // namespace

std::vector<ReportWarning> FindWarnings(const std::vector<StageConfig>& stages,
                                        const std::vector<MetricsRow>& rows) {
  std::vector<ReportWarning> warnings;
  for (const StageConfig& stage : stages) {
    if (!DrawsSamples(stage)) continue;
    std::vector<const MetricsRow*> own;
    for (const MetricsRow& row : rows) {
      if (row.stage == stage.name()) own.push_back(&row);
    }
    WatchStage(stage.name(), own, &warnings);
  }
  return warnings;
}

}  // namespace r1
