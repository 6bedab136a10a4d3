// A rule between keys of a recipe, and where the report puts a mistake.
#ifndef R1_PROTO_RULE_CHECKER_H_
#define R1_PROTO_RULE_CHECKER_H_

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/config.pb.h"
#include "proto/config_report.h"

namespace r1 {

// Rules on one stage. Keys are named as in StageConfig.
class RuleChecker {
 public:
  RuleChecker(const Recipe& recipe, int stage, ConfigReport* report)
      : recipe_(recipe), stage_(stage), report_(report) {}

  // `keys`: those that the rule reads. `what`: what is wrong, what was
  // expected, what was got, and the remedy.
  void Require(bool holds, std::initializer_list<absl::string_view> keys,
               absl::string_view what) {
    if (holds) return;
    holds_ = false;
    std::vector<std::string> places;
    for (absl::string_view key : keys) AddPlaces(key, &places);
    const std::vector<absl::string_view> paths(places.begin(), places.end());
    report_->AddRule(paths, what);
  }

  // Whether all that was required held.
  bool holds() const { return holds_; }
  const Recipe& recipe() const { return recipe_; }
  const Stage& stage() const { return recipe_.stage(stage_); }
  // The task whose rules are checked.
  void set_task(const std::string& name) { task_ = name; }

 private:
  // Where a key may have been given: in the stage, or where it inherits from.
  void AddPlaces(absl::string_view key, std::vector<std::string>* places) {
    const std::string head(key.substr(0, key.find('.')));
    if (head == "task") {
      for (int t = 0; t < recipe_.task_size(); ++t) {
        if (recipe_.task(t).name() != task_) continue;
        places->push_back(
            absl::StrCat("task[", t, "]", key.substr(head.size())));
      }
      if (recipe_.task().empty()) places->emplace_back(key);
      return;
    }
    const bool inherits =
        Recipe::descriptor()->FindFieldByName(head) != nullptr;
    if (inherits) places->emplace_back(key);
    places->push_back(absl::StrCat("stage[", stage_, "].", key));
  }

  const Recipe& recipe_;
  const int stage_;
  std::string task_;
  bool holds_ = true;
  ConfigReport* report_;
};

}  // namespace r1

#endif  // R1_PROTO_RULE_CHECKER_H_
