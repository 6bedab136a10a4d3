#include "pipeline/report_data.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/escape.h"
#include "pipeline/progress.h"
#include "reward/text.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxPoints = 1500;     // of a curve; more are thinned out
constexpr int kMaxSteps = 30;           // in the sample browser
constexpr size_t kMaxTextBytes = 6000;  // of one sample
constexpr size_t kMaxEvents = 300;
constexpr int kAnswers = 6;  // held-out problems shown before and after

// JSON has neither NaN nor infinity.
Json Number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::string Cut(absl::string_view text) {
  if (text.size() <= kMaxTextBytes) return VisibleText(text);
  return absl::StrCat(VisibleText(text.substr(0, kMaxTextBytes)), "\n… (",
                      text.size() - kMaxTextBytes, " more bytes)");
}

// --- Tiles -------------------------------------------------------------------

void AddTile(std::string name, std::string value, std::string more,
             Json* tiles) {
  tiles->push_back({{"name", std::move(name)},
                    {"value", std::move(value)},
                    {"more", std::move(more)}});
}

double Field(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>()
                                               : std::nan("");
}

void AddChange(const char* name, const char* key, const Json& summary,
               Json* tiles) {
  const double before = Field(summary, absl::StrCat("base_", key).c_str());
  const double after = Field(summary, absl::StrCat("final_", key).c_str());
  if (std::isnan(before) || std::isnan(after)) return;
  const auto percent = ShownMetric::Format::kPercent;
  AddTile(name, FormatMetric(percent, after),
          absl::StrCat("before: ", FormatMetric(percent, before)), tiles);
}

Json MakeTiles(const std::string& summary_text,
               const std::vector<MetricsRow>& rows) {
  Json tiles = Json::array();
  const Json summary = Json::parse(summary_text, /*cb=*/nullptr,
                                   /*allow_exceptions=*/false);
  if (!summary.is_object()) {
    const std::string where =
        rows.empty()
            ? "nothing is recorded yet"
            : absl::StrCat(rows.back().stage, " step ", rows.back().step);
    AddTile("state", "not finished", where, &tiles);
    return tiles;
  }
  AddChange("held-out pass@1", "pass1", summary, &tiles);
  AddChange("held-out format", "format", summary, &tiles);
  AddTile("RL steps", absl::StrCat(Field(summary, "rl_steps")), "", &tiles);
  AddTile("time", FormatSpan(absl::Seconds(Field(summary, "wall_seconds"))), "",
          &tiles);
  const double mismatch = Field(summary, "max_logprob_mismatch");
  if (!std::isnan(mismatch)) {
    AddTile("largest log-prob mismatch",
            FormatMetric(ShownMetric::Format::kScientific, mismatch),
            "between sampling and training, nats", &tiles);
  }
  const auto hash = summary.find("checkpoint_sha256");
  if (hash != summary.end() && hash->is_string()) {
    AddTile("checkpoint", hash->get<std::string>().substr(0, 10),
            "start of its SHA-256", &tiles);
  }
  return tiles;
}

// --- Curves ------------------------------------------------------------------

struct SeriesSpec {
  const char* name;
  const char* metric;
};

struct ChartSpec {
  const char* title;
  const char* stage;
  bool includes_zero;
  const char* eval;  // held-out points drawn over it; may be null
  std::vector<SeriesSpec> series;
};

const std::vector<ChartSpec>& ChartSpecs() {
  static const auto* specs = new std::vector<ChartSpec>{
      {"Reward, mean", "rl", false, nullptr, {{"", "reward/mean"}}},
      {"Accuracy", "rl", true, "pass@1", {{"training", "accuracy"}}},
      {"Format", "rl", true, "format", {{"training", "format"}}},
      {"Answer length, tokens",
       "rl",
       true,
       "mean_length",
       {{"mean", "response_length/mean"}}},
      {"Truncated answers, groups of equal reward",
       "rl",
       true,
       nullptr,
       {{"truncated", "truncated_share"}, {"equal", "advantage/zero_groups"}}},
      {"Entropy, nats", "rl", true, nullptr, {{"", "entropy"}}},
      {"KL to the reference, nats", "rl", true, nullptr, {{"", "kl"}}},
      {"Clip fraction", "rl", true, nullptr, {{"", "clip_fraction"}}},
      {"Gradient norm", "rl", true, nullptr, {{"", "grad_norm"}}},
      {"Log-prob mismatch, nats",
       "rl",
       true,
       nullptr,
       {{"", "max_logprob_mismatch"}}},
      {"Tokens a second",
       "rl",
       true,
       nullptr,
       {{"generate", "tokens_per_second/generate"},
        {"train", "tokens_per_second/train"}}},
      {"Learning rate", "rl", true, nullptr, {{"", "learning_rate"}}},
      {"Pretraining loss, nats", "pretrain", false, nullptr, {{"", "loss"}}},
      {"SFT loss, nats", "sft", false, nullptr, {{"", "loss"}}},
  };
  return *specs;
}

// Every stride-th row of the stage, the last one included.
std::vector<const MetricsRow*> ThinnedRows(const std::vector<MetricsRow>& rows,
                                           absl::string_view stage) {
  std::vector<const MetricsRow*> all, kept;
  for (const MetricsRow& row : rows) {
    if (row.stage == stage) all.push_back(&row);
  }
  const size_t stride = all.size() / kMaxPoints + 1;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % stride == 0 || i + 1 == all.size()) kept.push_back(all[i]);
  }
  return kept;
}

Json MakeChart(const ChartSpec& spec, const std::vector<MetricsRow>& rows,
               const std::vector<EvalRow>& evals) {
  Json chart = {{"title", spec.title},
                {"zero", spec.includes_zero},
                {"x", Json::array()},
                {"series", Json::array()},
                {"points", Json::array()}};
  bool has_value = false;
  const std::vector<const MetricsRow*> kept = ThinnedRows(rows, spec.stage);
  for (const MetricsRow* row : kept) chart["x"].push_back(row->step);
  for (const SeriesSpec& series : spec.series) {
    Json y = Json::array();
    for (const MetricsRow* row : kept) {
      const double value = MetricOr(row->metrics, series.metric, std::nan(""));
      has_value |= std::isfinite(value);
      // Six digits are more than a screen shows.
      y.push_back(std::isfinite(value)
                      ? Json(std::stod(absl::StrFormat("%.6g", value)))
                      : Json(nullptr));
    }
    chart["series"].push_back({{"name", series.name}, {"y", std::move(y)}});
  }
  if (!has_value) return nullptr;
  if (spec.eval != nullptr) {
    for (const EvalRow& eval : evals) {
      chart["points"].push_back(
          {eval.step, Number(MetricOr(eval.metrics, spec.eval, std::nan("")))});
    }
  }
  return chart;
}

// --- Samples -----------------------------------------------------------------

// 0 for a token that was all but certain, 9 for one below e^-4.5.
int Shade(float logprob) {
  return std::clamp(static_cast<int>(-logprob * 2), 0, 9);
}

// The text as [text, shade] pieces, neighbours of equal shade joined. Tokens
// that end inside a character are taken together with the next ones.
Json MakePieces(const SampleRecord& record, const Tokenizer* tokenizer) {
  Json pieces = Json::array();
  const Trajectory& t = record.trajectory;
  if (tokenizer == nullptr || t.tokens_size() != t.logprobs_size()) {
    pieces.push_back({Cut(record.completion), 0});
    return pieces;
  }
  std::string text, pending;
  int shade = 0, pending_shade = 0;
  size_t size = 0;
  const auto flush = [&] {
    if (!text.empty()) pieces.push_back({VisibleText(text), shade});
    text.clear();
  };
  for (int i = 0; i < t.tokens_size() && size < kMaxTextBytes; ++i) {
    const int32_t token = t.tokens(i);
    const std::string bytes =
        tokenizer->Decode(absl::MakeConstSpan(&token, 1), true);
    size += bytes.size();
    absl::StrAppend(&pending, bytes);
    pending_shade = std::max(pending_shade, Shade(t.logprobs(i)));
    const bool is_cut = !IsValidUtf8(pending) && pending.size() < 4;
    if (is_cut && i + 1 < t.tokens_size()) continue;
    if (pending_shade != shade) flush();
    shade = pending_shade;
    absl::StrAppend(&text, pending);
    pending.clear();
    pending_shade = 0;
  }
  flush();
  if (size >= kMaxTextBytes) pieces.push_back({" … (cut)", 0});
  return pieces;
}

Json MakeSample(const SampleView& view, const Tokenizer* tokenizer) {
  const Trajectory& trajectory = view.record.trajectory;
  Json sample = {{"index", trajectory.sample_index()},
                 {"tokens", trajectory.tokens_size()},
                 {"finish", FinishReasonName(trajectory.finish_reason())}};
  if (view.record.reward) {
    const RewardResult& reward = *view.record.reward;
    sample["kind"] = RewardKindName(reward.kind());
    sample["reward"] = Number(reward.total());
    sample["components"] = Json::array();
    for (const RewardComponent& c : reward.components()) {
      sample["components"].push_back(
          {VisibleLine(c.name()), Number(c.value())});
    }
    if (!reward.detail().empty()) {
      sample["detail"] = VisibleLine(reward.detail());
    }
  }
  if (view.advantage) sample["advantage"] = Number(*view.advantage);
  sample["pieces"] = MakePieces(view.record, tokenizer);
  return sample;
}

struct Group {
  Json json;
  int64_t size_bytes = 0;
};

// One step's samples by prompt.
std::vector<Group> MakeGroups(const std::vector<SampleView>& samples,
                              const Tokenizer* tokenizer) {
  std::vector<Group> groups;
  uint64_t prompt_id = 0;
  for (const SampleView& view : samples) {
    const Prompt& prompt = view.record.prompt;
    if (groups.empty() || prompt.id() != prompt_id) {
      prompt_id = prompt.id();
      Group& group = groups.emplace_back();
      group.json = {{"source", VisibleLine(prompt.source())},
                    {"question", VisibleLine(prompt.question())},
                    {"reference", VisibleLine(prompt.reference())},
                    {"samples", Json::array()}};
    }
    Json sample = MakeSample(view, tokenizer);
    groups.back().size_bytes += sample.dump().size();
    groups.back().json["samples"].push_back(std::move(sample));
  }
  return groups;
}

// At most kMaxSteps steps, the first and last and evenly between.
std::vector<int64_t> ChooseSteps(const std::vector<int64_t>& steps) {
  if (steps.size() <= kMaxSteps) return steps;
  std::vector<int64_t> chosen;
  for (int i = 0; i < kMaxSteps; ++i) {
    chosen.push_back(steps[i * (steps.size() - 1) / (kMaxSteps - 1)]);
  }
  return chosen;
}

// Fills "steps" and "samples_note". Each step gets an equal share of the
// budget, and at least its first group.
absl::Status AddSamples(const RunReader& reader, const Tokenizer* tokenizer,
                        Json* data) {
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> all, reader.SampledSteps());
  const std::vector<int64_t> chosen = ChooseSteps(all);
  const int64_t share =
      kReportSampleBytes / std::max<int64_t>(1, chosen.size());
  (*data)["steps"] = Json::array();
  for (const int64_t step : chosen) {
    SampleFilter filter;
    filter.step = step;
    R1_ASSIGN_OR_RETURN(const std::vector<SampleView> samples,
                        reader.Samples(filter));
    Json groups = Json::array();
    int64_t size = 0;
    for (Group& group : MakeGroups(samples, tokenizer)) {
      if (!groups.empty() && size + group.size_bytes > share) break;
      size += group.size_bytes;
      groups.push_back(std::move(group.json));
    }
    (*data)["steps"].push_back({{"step", step}, {"groups", groups}});
  }
  (*data)["samples_note"] = absl::StrCat(
      "Shown: ", chosen.size(), " of ", all.size(),
      " steps, with as many prompts each as fit. All samples are in run.db; "
      "`r1 samples` prints them.");
  return absl::OkStatus();
}

// --- Held-out answers and events ---------------------------------------------

Json MakeSide(int64_t step, const EvalSample& sample) {
  return {{"step", step},
          {"correct", sample.is_correct},
          {"tokens", sample.num_tokens},
          {"finish", FinishReasonName(sample.finish_reason)},
          {"text", Cut(sample.completion)}};
}

absl::Status AddAnswers(const RunReader& reader,
                        const std::vector<EvalRow>& evals, Json* data) {
  Json answers = Json::array();
  if (evals.size() > 1) {
    const int64_t first = evals.front().step, last = evals.back().step;
    R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> before,
                        reader.EvalSamples(first, -1));
    R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> after,
                        reader.EvalSamples(last, -1));
    for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
      if (before[i].sample_index != 0 || answers.size() >= kAnswers) continue;
      answers.push_back(
          {{"question", VisibleLine(before[i].question)},
           {"reference", VisibleLine(before[i].reference)},
           {"sides", {MakeSide(first, before[i]), MakeSide(last, after[i])}}});
    }
  }
  (*data)["answers"] = std::move(answers);
  return absl::OkStatus();
}

absl::Status AddEvents(const RunReader& reader, Json* data) {
  R1_ASSIGN_OR_RETURN(std::vector<EventRow> events, reader.Events());
  if (events.size() > kMaxEvents) {
    events.erase(events.begin(), events.end() - kMaxEvents);
  }
  (*data)["events"] = Json::array();
  for (const EventRow& event : events) {
    (*data)["events"].push_back(
        {{"time", absl::FormatTime("%Y-%m-%d %H:%M:%S",
                                   absl::FromUnixMillis(event.time_unix_ms),
                                   absl::UTCTimeZone())},
         {"step", event.step},
         {"kind", VisibleLine(event.kind)},
         {"message", VisibleLine(event.message)}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MakeReportData(const RunReader& reader,
                                           const Tokenizer* tokenizer,
                                           const std::string& summary) {
  Json data;
  R1_ASSIGN_OR_RETURN(const std::vector<MetricsRow> rows, reader.AllMetrics());
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  data["tiles"] = MakeTiles(summary, rows);
  data["charts"] = Json::array();
  for (const ChartSpec& spec : ChartSpecs()) {
    Json chart = MakeChart(spec, rows, evals);
    if (!chart.is_null()) data["charts"].push_back(std::move(chart));
  }
  data["evals"] = Json::array();
  for (const EvalRow& eval : evals) {
    Json metrics = Json::array();
    for (const auto& [name, value] : eval.metrics) {
      metrics.push_back({name, Number(value)});
    }
    data["evals"].push_back({{"step", eval.step}, {"metrics", metrics}});
  }
  R1_RETURN_IF_ERROR(AddSamples(reader, tokenizer, &data));
  R1_RETURN_IF_ERROR(AddAnswers(reader, evals, &data));
  R1_RETURN_IF_ERROR(AddEvents(reader, &data));
  return data.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace r1
