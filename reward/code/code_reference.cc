#include "reward/code/code_reference.h"

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxBytes = 64 << 20;

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("reference of a code problem: ", what));
}

absl::StatusOr<std::string> Text(const Json& value, absl::string_view name) {
  if (!value.is_string()) return Bad(absl::StrCat(name, " is not a string"));
  return value.get<std::string>();
}

absl::Status ParseStdinTests(const Json& value, CodeReference* reference) {
  if (!value.is_array() || value.empty()) {
    return Bad("stdin_tests is not a list with a test in it");
  }
  for (const Json& test : value) {
    if (!test.is_array() || test.size() != 2 || !test[0].is_string() ||
        !test[1].is_string()) {
      return Bad(absl::StrCat("stdin_tests[", reference->stdin_tests.size(),
                              "] is not [input, output]"));
    }
    reference->stdin_tests.push_back(
        {test[0].get<std::string>(), test[1].get<std::string>()});
  }
  return absl::OkStatus();
}

absl::Status ParseFunctionTests(const Json& value, CodeReference* reference) {
  const Json list = value.is_string() ? Json::array({value}) : value;
  if (!list.is_array() || list.empty()) {
    return Bad("test is neither a text nor a list of texts");
  }
  for (const Json& test : list) {
    R1_ASSIGN_OR_RETURN(std::string text, Text(test, "an item of test"));
    if (absl::StripAsciiWhitespace(text).empty()) return Bad("a test is empty");
    reference->function_tests.push_back(std::move(text));
  }
  return absl::OkStatus();
}

absl::Status ParseChecker(const Json& value, CodeReference* reference) {
  if (!value.is_object() || !value.contains("source")) {
    return Bad("checker is not {\"language\", \"source\"}");
  }
  Checker checker;
  R1_ASSIGN_OR_RETURN(checker.source, Text(value["source"], "checker.source"));
  if (value.contains("language")) {
    R1_ASSIGN_OR_RETURN(const std::string name,
                        Text(value["language"], "checker.language"));
    R1_ASSIGN_OR_RETURN(checker.language, ParseLanguage(name));
  }
  reference->checker = std::move(checker);
  return absl::OkStatus();
}

absl::Status ParseLimit(const std::string& key, const Json& value,
                        int64_t* limit) {
  if (!value.is_number_integer() || value.get<int64_t>() < 1 ||
      value.get<int64_t>() > 3600000) {
    return Bad(absl::StrCat(key, " is not an integer from 1 to 3600000"));
  }
  *limit = value.get<int64_t>();
  return absl::OkStatus();
}

absl::Status ParseField(const std::string& key, const Json& value,
                        CodeReference* reference) {
  if (key == "stdin_tests") return ParseStdinTests(value, reference);
  if (key == "test") return ParseFunctionTests(value, reference);
  if (key == "checker") return ParseChecker(value, reference);
  RunLimits& limits = reference->limits;
  if (key == "wall_ms") return ParseLimit(key, value, &limits.wall_ms);
  if (key == "cpu_ms") return ParseLimit(key, value, &limits.cpu_ms);
  if (key == "memory_mb") return ParseLimit(key, value, &limits.memory_mb);
  if (key == "tolerance") {
    if (!value.is_number() || !(value.get<double>() >= 0)) {
      return Bad("tolerance is not a number of 0 or more");
    }
    reference->tolerance = value.get<double>();
    return absl::OkStatus();
  }
  if (key != "language" && key != "compare" && key != "entry_point") {
    return absl::OkStatus();  // another rule's
  }
  R1_ASSIGN_OR_RETURN(const std::string text, Text(value, key));
  if (key == "language") {
    R1_ASSIGN_OR_RETURN(reference->language, ParseLanguage(text));
  } else if (key == "compare") {
    R1_ASSIGN_OR_RETURN(reference->compare, ParseCompareRule(text));
  } else {
    reference->entry_point = text;
  }
  return absl::OkStatus();
}

bool IsIdentifier(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_';
         });
}

}  // namespace

absl::StatusOr<CodeReference> ParseCodeReference(absl::string_view json,
                                                 const RunLimits& limits) {
  if (json.size() > kMaxBytes) return Bad("more than 64 MiB");
  const Json root = Json::parse(json.begin(), json.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (!root.is_object()) return Bad("not a JSON object");
  CodeReference reference;
  reference.limits = limits;
  for (const auto& [key, value] : root.items()) {
    R1_RETURN_IF_ERROR(ParseField(key, value, &reference));
  }
  const bool has_stdin = !reference.stdin_tests.empty();
  const bool has_function = !reference.function_tests.empty();
  if (has_stdin == has_function) {
    return Bad("expected either stdin_tests or test");
  }
  if (has_function && !IsIdentifier(reference.entry_point)) {
    return Bad("entry_point is no name of a function");
  }
  if (has_function && reference.language != ProgramLanguage::kPython) {
    return Bad("function tests are for python");
  }
  return reference;
}

}  // namespace r1
