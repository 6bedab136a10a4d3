#include "pipeline/report/report_answers.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/status_macros.h"
#include "pipeline/screen/escape.h"
#include "rollout/mixed_prompts.h"

namespace r1 {
namespace {

constexpr int kLeastOfTask = 2;

ReportJson MakeAnswer(const std::string& by, const EvalSample& sample) {
  return {{"by", by},
          {"correct", sample.is_correct ? ReportJson(*sample.is_correct)
                                        : ReportJson(nullptr)},
          {"tokens", sample.num_tokens},
          {"finish", FinishReasonName(sample.finish_reason)},
          {"text", ReportText(sample.completion)}};
}

// The first problems of each task, without answers.
std::vector<std::pair<uint64_t, ReportJson>> ChooseProblems(
    const std::vector<EvalSample>& samples, const StageConfig& stage,
    int count) {
  const int tasks = std::max(1, stage.task_size());
  const int most = std::max(kLeastOfTask, count / tasks);
  std::map<size_t, int> chosen_of;
  std::vector<std::pair<uint64_t, ReportJson>> problems;
  for (const EvalSample& sample : samples) {
    const size_t task = TaskOfHeldOut(sample.prompt_id);
    if (sample.sample_index != 0 || chosen_of[task] == most) continue;
    ++chosen_of[task];
    const bool has_name =
        stage.task_size() > 1 && task < static_cast<size_t>(stage.task_size());
    problems.emplace_back(
        sample.prompt_id,
        ReportJson{{"task", has_name ? stage.task(task).name() : ""},
                   {"question", VisibleLine(sample.question)},
                   {"reference", VisibleLine(sample.reference)},
                   {"answers", ReportJson::array()}});
  }
  return problems;
}

}  // namespace

absl::StatusOr<ReportJson> MakeAnswers(const RunReader& reader,
                                       const StageConfig& stage,
                                       const std::vector<AnswerColumn>& columns,
                                       int count) {
  std::vector<std::pair<uint64_t, ReportJson>> problems;
  for (const AnswerColumn& column : columns) {
    R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> samples,
                        reader.EvalSamples(column.step, /*limit=*/-1));
    if (problems.empty()) problems = ChooseProblems(samples, stage, count);
    for (const EvalSample& sample : samples) {
      if (sample.sample_index != 0) continue;
      for (auto& [prompt_id, problem] : problems) {
        if (prompt_id != sample.prompt_id) continue;
        problem["answers"].push_back(MakeAnswer(column.label, sample));
      }
    }
  }
  ReportJson answers = ReportJson::array();
  for (auto& [prompt_id, problem] : problems) {
    answers.push_back(std::move(problem));
  }
  return answers;
}

}  // namespace r1
