// The options of a rule: texts by name, as the configuration gives them, read
// into numbers and choices.
#ifndef R1_REWARD_CORE_OPTIONS_H_
#define R1_REWARD_CORE_OPTIONS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace r1 {

using RuleOptions = std::map<std::string, std::string>;

// Names of the options that every rule takes (reward/core/composition.h); a
// rule never sees them.
const std::vector<std::string>& CompositionOptions();

// Reads options one by one and collects what is wrong:
//
//   OptionReader read(options);
//   read.Int("n", 1, 64, &n);
//   read.Choice("unit", {"words", "characters"}, &unit);
//   R1_RETURN_IF_ERROR(read.Finish());
//
// An option that is not given leaves its variable, and so the default, alone.
class OptionReader {
 public:
  explicit OptionReader(const RuleOptions& options) : options_(options) {}

  // Numbers are decimal, finite and within the inclusive bounds.
  void Int(const std::string& name, int lowest, int highest, int* value);
  void Number(const std::string& name, double lowest, double highest,
              double* value);
  // "true" or "false".
  void Bool(const std::string& name, bool* value);
  void Text(const std::string& name, std::string* value);
  // One of `choices`, whose position is the value.
  void Choice(const std::string& name,
              absl::Span<const absl::string_view> choices, int* value);

  // Errors: InvalidArgument naming the first option with a bad value (what was
  // expected and got), or the first that no call read (nearest and known ones).
  absl::Status Finish() const;

 private:
  // The option's text, null if it is not given.
  const std::string* Take(const std::string& name);
  void Refuse(const std::string& name, const std::string& text,
              const std::string& expected);

  const RuleOptions& options_;
  std::vector<std::string> known_;
  absl::Status status_;
};

}  // namespace r1

#endif  // R1_REWARD_CORE_OPTIONS_H_
