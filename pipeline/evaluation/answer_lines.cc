#include "pipeline/evaluation/answer_lines.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "pipeline/store/run_rows.h"

namespace r1 {
namespace {

using AnswerJson = nlohmann::ordered_json;

std::string AnswerLine(const std::string& task, const Prompt& prompt,
                       const EvalSample& sample, const RewardResult& result) {
  AnswerJson line;
  line["task"] = task;
  line["source"] = prompt.source();
  line["question"] = sample.question;
  line["reference"] = sample.reference;
  line["completion"] = sample.completion;
  line["tokens"] = sample.num_tokens;
  line["finish"] = FinishReasonName(sample.finish_reason);
  line["right"] =
      sample.is_correct ? AnswerJson(*sample.is_correct) : AnswerJson();
  line["format"] = sample.has_format;
  std::map<std::string, double> scores;
  for (const RewardComponent& c : result.components()) {
    scores[c.name()] = c.value();
  }
  line["scores"] = scores;
  return absl::StrCat(
      line.dump(-1, ' ', false, AnswerJson::error_handler_t::replace), "\n");
}

}  // namespace

std::string AnswerLines(const StageConfig& config,
                        const std::vector<std::vector<Prompt>>& prompts,
                        const EvalReport& report) {
  size_t num_prompts = 0;
  for (const auto& of_task : prompts) num_prompts += of_task.size();
  if (num_prompts == 0) return "";
  const size_t k = report.samples.size() / num_prompts;
  std::string lines;
  size_t i = 0;
  for (size_t t = 0; t < prompts.size(); ++t) {
    for (const Prompt& prompt : prompts[t]) {
      for (size_t s = 0; s < k; ++s, ++i) {
        lines += AnswerLine(config.task(static_cast<int>(t)).name(), prompt,
                            report.samples[i], report.results[i]);
      }
    }
  }
  return lines;
}

}  // namespace r1
