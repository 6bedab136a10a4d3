#include "rollout/tasks/jsonl.h"

#include <limits>
#include <map>

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

// The value of a field, or of one within others (extra_info.split); null if
// there is none.
const json* FieldAt(const json& row, absl::string_view path) {
  if (!row.is_object()) return nullptr;
  if (const auto it = row.find(path); it != row.end()) return &*it;
  const size_t dot = path.find('.');
  if (dot == path.npos) return nullptr;
  const auto outer = row.find(path.substr(0, dot));
  return outer == row.end() ? nullptr : FieldAt(*outer, path.substr(dot + 1));
}

absl::StatusOr<Split> SplitOfRow(const std::string& field, const json& row) {
  const json* const value = FieldAt(row, field);
  const std::optional<Split> split =
      value != nullptr && value->is_string()
          ? SplitOfName(value->get_ref<const std::string&>())
          : std::nullopt;
  if (split.has_value()) return *split;
  return absl::InvalidArgumentError(absl::StrCat(
      "task.split_field: field \"", field, "\": expected \"train\", or ",
      "\"test\", \"validation\", \"dev\" or \"eval\" for what is held out, "
      "got ",
      value == nullptr ? "none" : DescribeJson(*value)));
}

// The sides of the problems so far, to find one that stands on both.
class SplitCheck {
 public:
  absl::Status Add(const Problem& problem, int line) {
    const auto [it, is_new] =
        first_.emplace(problem.canonical, Place{line, *problem.split});
    ++(*problem.split == Split::kTrain ? num_train_ : num_held_out_);
    if (it->second.split == *problem.split) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "the question of line ", it->second.line,
        " again, which stands on the other side of task.split_field: drop one "
        "of them, or what is held out would be trained on"));
  }
  absl::Status Finish(const std::string& field, absl::string_view name) const {
    if (num_train_ > 0 && num_held_out_ > 0) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": by task.split_field \"", field, "\" ", num_train_,
        " rows are to train on and ", num_held_out_,
        " held out: expected some of both; without task.split_field one "
        "problem in ten is held out"));
  }

 private:
  struct Place {
    int line;
    Split split;
  };
  std::map<std::string, Place> first_;
  int64_t num_train_ = 0, num_held_out_ = 0;
};

absl::StatusOr<Problem> ParseProblem(const TaskSection& config, int line,
                                     absl::string_view text, const json& row) {
  Problem problem;
  const auto id = row.find("id");
  problem.source = id != row.end() && id->is_string()
                       ? id->get<std::string>()
                       : absl::StrCat("line ", line);
  if (!config.split_field().empty()) {
    R1_ASSIGN_OR_RETURN(problem.split, SplitOfRow(config.split_field(), row));
  }
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
  SplitCheck sides;
  R1_RETURN_IF_ERROR(ForEachJsonLine(
      text, name,
      [&](int line, absl::string_view row_text,
          const json& row) -> absl::Status {
        R1_ASSIGN_OR_RETURN(Problem problem,
                            ParseProblem(config, line, row_text, row));
        if (problem.split.has_value()) {
          R1_RETURN_IF_ERROR(sides.Add(problem, line));
        }
        problems.push_back(std::move(problem));
        return absl::OkStatus();
      }));
  if (problems.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": no rows; expected one JSON object a line"));
  }
  if (!config.split_field().empty()) {
    R1_RETURN_IF_ERROR(sides.Finish(config.split_field(), name));
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
