#include "rollout/tasks/jsonl.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "model/strict_json.h"
#include "rollout/prompt_template.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/row_file.h"
#include "rollout/tasks/row_reference.h"

namespace r1 {
namespace {

using nlohmann::json;

absl::StatusOr<std::string> TextField(const json& row,
                                      const std::string& field) {
  const auto it = row.find(field);
  if (it == row.end()) {
    std::vector<std::string> names;
    for (const auto& [name, value] : row.items()) names.push_back(name);
    return absl::InvalidArgumentError(absl::StrCat(
        "no field \"", field, "\", only: ", absl::StrJoin(names, ", ")));
  }
  if (it->is_string()) return it->get<std::string>();
  if (it->is_number()) return it->dump();
  return absl::InvalidArgumentError(absl::StrCat(
      "field \"", field, "\": expected a string, got ", it->type_name()));
}

bool IsInt64(const json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() ||
         value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
}

// What the reward rule can score (reward/core/reference.h): it abstains from
// anything else.
absl::StatusOr<CountdownProblem> CountdownRow(const json& row) {
  constexpr size_t kMaxNumbers = 32;
  CountdownProblem problem;
  const auto nums = row.find("nums");
  const auto target = row.find("target");
  if (nums == row.end() || !nums->is_array() || nums->empty() ||
      nums->size() > kMaxNumbers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected \"nums\", a list of 1 to ", kMaxNumbers, " integers"));
  }
  for (const json& n : *nums) {
    if (!IsInt64(n) || n.get<int64_t>() < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"nums\": expected integers of 0 or more, got ", DescribeJson(n)));
    }
    problem.numbers.push_back(n.get<int64_t>());
  }
  if (target == row.end() || !IsInt64(*target)) {
    return absl::InvalidArgumentError("expected \"target\", an integer");
  }
  problem.target = target->get<int64_t>();
  return problem;
}

absl::StatusOr<Problem> ParseProblem(const TaskSection& config, int line,
                                     absl::string_view text, const json& row) {
  Problem problem;
  const auto id = row.find("id");
  problem.source = id != row.end() && id->is_string()
                       ? id->get<std::string>()
                       : absl::StrCat("line ", line);
  if (config.kind() == COUNTDOWN) {
    R1_ASSIGN_OR_RETURN(const CountdownProblem countdown, CountdownRow(row));
    problem.question = countdown.Question();
    problem.reference = std::string(absl::StripAsciiWhitespace(text));
    problem.canonical = countdown.Canonical();
    return problem;
  }
  auto question = TextField(row, config.question_field());
  const auto messages = row.find(config.question_field());
  if (messages != row.end() && messages->is_array()) {
    problem.messages = messages->dump();
    question = LastQuestion(problem.messages);
  }
  R1_RETURN_IF_ERROR(Annotate(question.status(), "task.question_field"));
  problem.question = *std::move(question);
  // Two rows that ask the same are one problem, whatever their references.
  problem.canonical =
      problem.messages.empty() ? problem.question : problem.messages;
  R1_ASSIGN_OR_RETURN(problem.reference, RowReference(config, text));
  return problem;
}

}  // namespace

absl::StatusOr<std::vector<Problem>> ParseProblems(const TaskSection& config,
                                                   absl::string_view text,
                                                   absl::string_view name) {
  std::vector<Problem> problems;
  R1_RETURN_IF_ERROR(ForEachJsonLine(
      text, name, [&](int line, absl::string_view row_text, const json& row) {
        auto problem = ParseProblem(config, line, row_text, row);
        if (problem.ok()) problems.push_back(*std::move(problem));
        return problem.status();
      }));
  if (problems.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": no rows; expected one JSON object a line"));
  }
  return problems;
}

absl::StatusOr<std::vector<TextRow>> ParseTextRows(absl::string_view text,
                                                   absl::string_view name) {
  std::vector<TextRow> rows;
  R1_RETURN_IF_ERROR(ForEachJsonLine(
      text, name, [&](int line, absl::string_view, const json& row) {
        if (row.contains("text")) {
          auto all = TextField(row, "text");
          if (all.ok()) rows.push_back({"", *all, line});
          return all.status();
        }
        auto prompt = TextField(row, "prompt");
        auto completion = TextField(row, "completion");
        if (!prompt.ok() || !completion.ok()) {
          return absl::InvalidArgumentError(
              "expected \"text\", or \"prompt\" and \"completion\"");
        }
        rows.push_back({*prompt, *completion, line});
        return absl::OkStatus();
      }));
  if (rows.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": no rows; expected one JSON object a line"));
  }
  return rows;
}

}  // namespace r1
