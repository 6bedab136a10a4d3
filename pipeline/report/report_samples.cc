#include "pipeline/report/report_samples.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "pipeline/screen/escape.h"

namespace r1 {
namespace {

using Json = ReportJson;

constexpr int kMaxSteps = 30;  // in the sample browser

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
    pieces.push_back({ReportText(record.completion), 0});
    return pieces;
  }
  std::string text, pending;
  int shade = 0, pending_shade = 0;
  size_t size = 0;
  const auto flush = [&] {
    if (!text.empty()) pieces.push_back({VisibleText(text), shade});
    text.clear();
  };
  for (int i = 0; i < t.tokens_size() && size < kReportTextBytes; ++i) {
    const int32_t token = t.tokens(i);
    const std::string bytes =
        tokenizer->Decode(absl::MakeConstSpan(&token, 1), true);
    size += bytes.size();
    absl::StrAppend(&pending, bytes);
    pending_shade = std::max(pending_shade, Shade(t.logprobs(i)));
    const bool is_cut = !IsUtf8(pending) && pending.size() < 4;
    if (is_cut && i + 1 < t.tokens_size()) continue;
    if (pending_shade != shade) flush();
    shade = pending_shade;
    absl::StrAppend(&text, pending);
    pending.clear();
    pending_shade = 0;
  }
  flush();
  if (size >= kReportTextBytes) pieces.push_back({" … (cut)", 0});
  return pieces;
}

}  // namespace

ReportJson MakeReportSample(const SampleView& view,
                            const Tokenizer* tokenizer) {
  const Trajectory& trajectory = view.record.trajectory;
  Json sample = {{"index", trajectory.sample_index()},
                 {"tokens", trajectory.tokens_size()},
                 {"finish", FinishReasonName(trajectory.finish_reason())}};
  if (view.record.reward) {
    const RewardResult& reward = *view.record.reward;
    sample["kind"] = RewardKindName(reward.kind());
    sample["reward"] = ReportNumber(reward.total());
    sample["components"] = Json::array();
    for (const RewardComponent& c : reward.components()) {
      sample["components"].push_back(
          {VisibleLine(c.name()), ReportNumber(c.value())});
    }
    // By name: a protobuf map has no order.
    const std::map<std::string, double> metrics(reward.metrics().begin(),
                                                reward.metrics().end());
    for (const auto& [name, value] : metrics) {
      sample["metrics"].push_back({VisibleLine(name), ReportNumber(value)});
    }
    const std::map<std::string, std::string> extracted(
        reward.extracted().begin(), reward.extracted().end());
    for (const auto& [rule, answer] : extracted) {
      sample["extracted"].push_back({VisibleLine(rule), VisibleLine(answer)});
    }
    for (const std::string& rule : reward.not_applicable()) {
      sample["not_applicable"].push_back(VisibleLine(rule));
    }
    if (!reward.detail().empty()) {
      sample["detail"] = VisibleLine(reward.detail());
    }
  }
  if (view.advantage) sample["advantage"] = ReportNumber(*view.advantage);
  sample["pieces"] = MakePieces(view.record, tokenizer);
  return sample;
}

namespace {

struct Group {
  Json json;
  int64_t size_bytes = 0;
};

// One step's samples by prompt. `fates` may be empty.
std::vector<Group> MakeGroups(const std::vector<SampleView>& samples,
                              const std::vector<std::string>& fates,
                              const Tokenizer* tokenizer) {
  std::vector<Group> groups;
  uint64_t prompt_id = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const Prompt& prompt = samples[i].record.prompt;
    if (groups.empty() || prompt.id() != prompt_id) {
      prompt_id = prompt.id();
      Group& group = groups.emplace_back();
      group.json = {{"source", VisibleLine(prompt.source())},
                    {"question", VisibleLine(prompt.question())},
                    {"reference", VisibleLine(prompt.reference())},
                    {"samples", Json::array()}};
    }
    Json sample = MakeReportSample(samples[i], tokenizer);
    if (!fates.empty()) sample["fate"] = fates[i];
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

}  // namespace

absl::Status AddReportSamples(const RunReader& reader,
                              const Tokenizer* tokenizer, const FatesOf& fates,
                              int64_t size_bytes, ReportJson* section) {
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> all, reader.SampledSteps());
  if (all.empty()) return absl::OkStatus();
  const std::vector<int64_t> chosen = ChooseSteps(all);
  const int64_t share = size_bytes / static_cast<int64_t>(chosen.size());
  for (const int64_t step : chosen) {
    SampleFilter filter;
    filter.step = step;
    R1_ASSIGN_OR_RETURN(const std::vector<SampleView> samples,
                        reader.Samples(filter));
    Json groups = Json::array();
    int64_t size = 0;
    for (Group& group : MakeGroups(
             samples, fates ? fates(samples) : std::vector<std::string>(),
             tokenizer)) {
      if (!groups.empty() && size + group.size_bytes > share) break;
      size += group.size_bytes;
      groups.push_back(std::move(group.json));
    }
    (*section)["steps"].push_back({{"step", step}, {"groups", groups}});
  }
  (*section)["samples_note"] = absl::StrCat(
      "Shown: ", chosen.size(), " of ", all.size(),
      " steps, with as many prompts each as fit. All samples are in run.db; "
      "`r1 samples` prints them.");
  return absl::OkStatus();
}

}  // namespace r1
