// Rules that tie several keys or stages together, checked once each key is
// valid by itself.
#ifndef R1_PROTO_CONFIG_RULES_H_
#define R1_PROTO_CONFIG_RULES_H_

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/config.pb.h"
#include "proto/config_text.h"

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

// Settings of a part that is switched off (a stage with 0 steps, another task,
// rl.kl_coef = 0, a model with a path) may stand idle, so that one change
// switches a part off. A setting that the chosen variant cannot honour is a
// mistake: it would silently be dropped.
void CheckConfigRules(const Recipe& recipe, ConfigReport* report);

// Names and kinds; false if stages cannot be told apart or put in order.
bool CheckGraph(const Recipe& recipe, ConfigReport* report);

// Whether a stage gets from others what they make: models to start from, data
// to learn, reward models to be judged by, models to compare.
void CheckEdges(const Recipe& recipe, const StageConfig& stage,
                RuleChecker* check);

// Reports the stages of `recipe` that are missing in `ordered`: those of a
// cycle.
void CheckOrder(const Recipe& recipe, const std::vector<StageConfig>& ordered,
                ConfigReport* report);

// The place of a stage in the recipe; 0 if there is none of this name.
int IndexOf(const std::string& stage, const Recipe& recipe);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_RULES_H_
