#include "reward/core/options.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/nearest_name.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

// A name from the network may be megabytes; the search is quadratic.
constexpr size_t kMaxSearchedBytes = 64;

}  // namespace

const std::vector<std::string>& CompositionOptions() {
  static const auto& names = *new std::vector<std::string>{
      "clip_high", "clip_low", "combine", "for", "gate", "when"};
  return names;
}

const std::string* OptionReader::Take(const std::string& name) {
  known_.push_back(name);
  const auto it = options_.find(name);
  return it == options_.end() ? nullptr : &it->second;
}

void OptionReader::Refuse(const std::string& name, const std::string& text,
                          const std::string& expected) {
  status_.Update(absl::InvalidArgumentError(
      absl::StrCat("option \"", name, "\": expected ", expected, ", got \"",
                   Excerpt(text), "\"")));
}

void OptionReader::Int(const std::string& name, int lowest, int highest,
                       int* value) {
  const std::string* text = Take(name);
  if (text == nullptr) return;
  int number = 0;
  if (absl::SimpleAtoi(*text, &number) && number >= lowest &&
      number <= highest) {
    *value = number;
    return;
  }
  Refuse(name, *text,
         absl::StrCat("an integer from ", lowest, " to ", highest));
}

void OptionReader::Number(const std::string& name, double lowest,
                          double highest, double* value) {
  const std::string* text = Take(name);
  if (text == nullptr) return;
  double number = 0;
  if (absl::SimpleAtod(*text, &number) && std::isfinite(number) &&
      number >= lowest && number <= highest) {
    *value = number;
    return;
  }
  Refuse(name, *text, absl::StrCat("a number from ", lowest, " to ", highest));
}

void OptionReader::Bool(const std::string& name, bool* value) {
  int choice = *value ? 0 : 1;
  Choice(name, {"true", "false"}, &choice);
  *value = choice == 0;
}

void OptionReader::Text(const std::string& name, std::string* value) {
  const std::string* text = Take(name);
  if (text != nullptr) *value = *text;
}

void OptionReader::Choice(const std::string& name,
                          absl::Span<const absl::string_view> choices,
                          int* value) {
  const std::string* text = Take(name);
  if (text == nullptr) return;
  const auto it = std::find(choices.begin(), choices.end(), *text);
  if (it != choices.end()) {
    *value = static_cast<int>(it - choices.begin());
    return;
  }
  Refuse(name, *text, absl::StrCat("one of ", absl::StrJoin(choices, ", ")));
}

absl::Status OptionReader::Finish() const {
  if (!status_.ok()) return status_;
  for (const auto& [name, text] : options_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::vector<std::string> all = CompositionOptions();
    all.insert(all.end(), known_.begin(), known_.end());
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown option \"", Excerpt(name),
        "\"; known: ", known_.empty() ? "none" : absl::StrJoin(known_, ", "),
        ", and for every rule ", absl::StrJoin(CompositionOptions(), ", "),
        DidYouMean(NearestNames(
            absl::string_view(name).substr(0, kMaxSearchedBytes), all))));
  }
  return absl::OkStatus();
}

}  // namespace r1
