#include "tests/fuzz/rows_fuzz.h"

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/json_members.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"
#include "rollout/tasks/jsonl.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

void CheckStatus(const absl::Status& status) {
  R1_CHECK(IsUtf8(status.message()), "a fault can be shown");
}

void CheckProblem(const Problem& problem) {
  R1_CHECK(IsUtf8(problem.question), "a question is text");
  const Json reference = Json::parse(problem.reference, nullptr, false);
  R1_CHECK(reference.is_object(), "a reference is an object");
  R1_CHECK(JsonMembers(problem.reference).has_value(),
           "its members can be read as they are spelled");
  if (problem.messages.empty()) return;
  R1_CHECK(Json::parse(problem.messages, nullptr, false).is_array(),
           "messages are a list");
}

void CheckRows(const TaskSection& config, absl::string_view text) {
  const auto problems = ParseProblems(config, text, "rows");
  if (!problems.ok()) return CheckStatus(problems.status());
  R1_CHECK(!problems->empty(), "a file has rows");
  for (const Problem& problem : *problems) CheckProblem(problem);
  const auto again = ParseProblems(config, text, "rows");
  R1_CHECK(again.ok() && again->size() == problems->size(), "read alike");
  for (size_t i = 0; i < problems->size(); ++i) {
    R1_CHECK((*again)[i].canonical == (*problems)[i].canonical,
             "what is held out depends on the row alone");
  }
}

}  // namespace
}  // namespace r1

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace r1;  // NOLINT: the entry must stand outside
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  TaskSection config;
  switch (data[0] % 6) {
    case 0:
      config.set_kind(COUNTDOWN);
      break;
    case 1:
      config.set_kind(QUESTION_ANSWER);
      break;
    case 2:
      config.set_kind(QUESTION_ANSWER);
      config.set_answer_form(AFTER_HASHES);
      break;
    case 3:
      config.set_kind(QUESTION_ANSWER);
      config.set_answer_form(BOXED);
      break;
    case 4:
      config.set_kind(QUESTION_ANSWER);
      config.set_question_field("prompt");
      config.set_answer_field("reward_model.ground_truth");
      break;
    default: {
      const auto rows = ParseTextRows(text, "rows");
      if (!rows.ok()) CheckStatus(rows.status());
      return 0;
    }
  }
  CheckRows(config, text);
  return 0;
}
