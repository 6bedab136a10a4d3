// Rules on the graph of a recipe: names, kinds, and what stages get from
// others.
#ifndef R1_PROTO_GRAPH_RULES_H_
#define R1_PROTO_GRAPH_RULES_H_

#include <string>
#include <vector>

#include "proto/config.pb.h"
#include "proto/config_report.h"
#include "proto/rule_checker.h"

namespace r1 {

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

#endif  // R1_PROTO_GRAPH_RULES_H_
