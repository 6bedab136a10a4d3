#include "reward/code/code_reference.h"

#include <algorithm>
#include <cstdint>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

absl::StatusOr<std::string> TextOf(const Json& value, absl::string_view name) {
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
    R1_ASSIGN_OR_RETURN(std::string text, TextOf(test, "an item of test"));
    if (absl::StripAsciiWhitespace(text).empty()) return Bad("a test is empty");
    reference->function_tests.push_back(std::move(text));
  }
  return absl::OkStatus();
}

// The limit that a key stands for; null = it is no limit.
int64_t* LimitOf(absl::string_view key, RunLimits* limits) {
  if (key == "wall_ms") return &limits->wall_ms;
  if (key == "cpu_ms") return &limits->cpu_ms;
  if (key == "memory_mb") return &limits->memory_mb;
  return nullptr;
}

absl::Status ParseLimit(absl::string_view key, const Json& value,
                        int64_t* limit) {
  if (!value.is_number_integer() || value.get<int64_t>() < 1 ||
      value.get<int64_t>() > 3600000) {
    return Bad(absl::StrCat(key, " is not an integer from 1 to 3600000"));
  }
  *limit = value.get<int64_t>();
  return absl::OkStatus();
}

absl::Status ParseChecker(const Json& value, CodeReference* reference) {
  if (!value.is_object() || !value.contains("source")) {
    return Bad("checker is not {\"language\", \"source\"}");
  }
  Checker checker;
  R1_ASSIGN_OR_RETURN(checker.source,
                      TextOf(value["source"], "checker.source"));
  if (value.contains("language")) {
    R1_ASSIGN_OR_RETURN(const std::string name,
                        TextOf(value["language"], "checker.language"));
    R1_ASSIGN_OR_RETURN(checker.language, ParseLanguage(name));
  }
  for (const auto& [key, limit_value] : value.items()) {
    if (int64_t* const limit = LimitOf(key, &checker.limits)) {
      R1_RETURN_IF_ERROR(
          ParseLimit(absl::StrCat("checker.", key), limit_value, limit));
    }
  }
  reference->checker = std::move(checker);
  return absl::OkStatus();
}

absl::Status ParseHelpers(const Json& value, CodeReference* reference) {
  if (!value.is_array()) return Bad("helpers is not a list of names");
  for (const Json& name : value) {
    R1_ASSIGN_OR_RETURN(std::string text, TextOf(name, "an item of helpers"));
    reference->helpers.push_back(std::move(text));
  }
  return absl::OkStatus();
}

// "Class().method" as "Class.method".
std::string EntryPointOf(std::string name) {
  const size_t call = name.find("().");
  if (call != std::string::npos) name.erase(call, 2);
  return name;
}

absl::Status ParseField(const std::string& key, const Json& value,
                        CodeReference* reference) {
  if (key == "stdin_tests") return ParseStdinTests(value, reference);
  if (key == "test") return ParseFunctionTests(value, reference);
  if (key == "checker") return ParseChecker(value, reference);
  if (key == "helpers") return ParseHelpers(value, reference);
  if (key == "in_place") {
    if (!value.is_boolean()) return Bad("in_place is neither true nor false");
    reference->is_in_place = value.get<bool>();
    return absl::OkStatus();
  }
  if (int64_t* const limit = LimitOf(key, &reference->limits)) {
    return ParseLimit(key, value, limit);
  }
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
  R1_ASSIGN_OR_RETURN(const std::string text, TextOf(value, key));
  if (key == "language") {
    R1_ASSIGN_OR_RETURN(reference->language, ParseLanguage(text));
  } else if (key == "compare") {
    R1_ASSIGN_OR_RETURN(reference->compare, ParseCompareRule(text));
  } else {
    reference->entry_point = EntryPointOf(text);
  }
  return absl::OkStatus();
}

bool IsIdentifier(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '_';
         });
}

bool IsEntryPoint(absl::string_view name) {
  const size_t dot = name.find('.');
  if (dot == absl::string_view::npos) return IsIdentifier(name);
  return IsIdentifier(name.substr(0, dot)) &&
         IsIdentifier(name.substr(dot + 1));
}

// A name that is called in the test and defined in the code: the first call.
std::string CalledFunction(absl::string_view test, absl::string_view code) {
  const auto is_name = [](char c) {
    return absl::ascii_isalnum(c) || c == '_';
  };
  for (size_t at = 0; at < test.size();) {
    size_t end = at;
    while (end < test.size() && is_name(test[end])) ++end;
    const absl::string_view name = test.substr(at, end - at);
    at = std::max(end, at + 1);
    if (name.empty()) continue;
    const absl::string_view rest =
        absl::StripLeadingAsciiWhitespace(test.substr(end));
    const bool is_called = !rest.empty() && rest[0] == '(';
    for (const char* after : {"(", " ("}) {
      if (is_called &&
          absl::StrContains(code, absl::StrCat("def ", name, after)))
        return std::string(name);
    }
  }
  return "";
}

// MBPP's names for the tests, where a row has them and not ours; and what it or
// HumanEval defines for them.
absl::Status ParseMbppTests(const Json& root, CodeReference* reference) {
  const auto text = [&root](const char* key) {
    const auto it = root.find(key);
    return it != root.end() && it->is_string() ? it->get<std::string>() : "";
  };
  for (const char* key : {"prompt", "code"}) {
    if (!text(key).empty()) reference->definitions.push_back(text(key));
  }
  if (root.contains("test") || !root.contains("test_list")) {
    return absl::OkStatus();
  }
  R1_RETURN_IF_ERROR(ParseFunctionTests(root["test_list"], reference));
  if (reference->entry_point.empty()) {
    reference->entry_point =
        CalledFunction(reference->function_tests[0], text("code"));
  }
  const std::string setup = text("test_setup_code");
  if (setup.empty()) return absl::OkStatus();
  for (std::string& test : reference->function_tests) {
    test = absl::StrCat(setup, "\n", test);
  }
  return absl::OkStatus();
}

// The object in the row's `answer`, or that its text says; null where the row
// has tests of its own, or no such answer.
Json TestsInAnswer(const Json& root) {
  const auto answer = root.find("answer");
  if (answer == root.end() || root.contains("stdin_tests") ||
      root.contains("test") || root.contains("test_list")) {
    return nullptr;
  }
  if (!answer->is_string()) return *answer;
  const std::string& text = answer->get_ref<const std::string&>();
  return Json::parse(text.begin(), text.end(), nullptr,
                     /*allow_exceptions=*/false);
}

std::string KeysOf(const Json& root) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : root.items()) keys.push_back(key);
  return keys.empty() ? "none" : absl::StrJoin(keys, ", ");
}

}  // namespace

absl::StatusOr<CodeReference> ParseCodeReference(absl::string_view json,
                                                 const RunLimits& limits) {
  if (json.size() > kMaxBytes) return Bad("more than 64 MiB");
  Json root = Json::parse(json.begin(), json.end(), nullptr,
                          /*allow_exceptions=*/false);
  if (!root.is_object()) return Bad("not a JSON object");
  if (Json tests = TestsInAnswer(root); tests.is_object()) {
    root = std::move(tests);
  }
  CodeReference reference;
  reference.limits = limits;
  for (const auto& [key, value] : root.items()) {
    R1_RETURN_IF_ERROR(ParseField(key, value, &reference));
  }
  R1_RETURN_IF_ERROR(ParseMbppTests(root, &reference));
  const bool has_stdin = !reference.stdin_tests.empty();
  const bool has_function = !reference.function_tests.empty();
  if (has_stdin == has_function) {
    return Bad(absl::StrCat("expected either stdin_tests or test, has: ",
                            KeysOf(root)));
  }
  if (has_function && !IsEntryPoint(reference.entry_point)) {
    return Bad("entry_point is no name of a function or Class.method");
  }
  const auto is_blank = [](const StdinTest& test) {
    return absl::StripAsciiWhitespace(test.expected).empty();
  };
  if (has_stdin && !reference.checker.has_value() &&
      absl::c_all_of(reference.stdin_tests, is_blank)) {
    return Bad(
        "no test expects any output: a program that does nothing passes");
  }
  if (has_function && reference.language != ProgramLanguage::kPython) {
    return Bad("function tests are for python");
  }
  return reference;
}

}  // namespace r1
