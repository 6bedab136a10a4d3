// Rules that tie several keys together, checked once each key is valid by
// itself.
#ifndef R1_PROTO_CONFIG_RULES_H_
#define R1_PROTO_CONFIG_RULES_H_

#include "proto/config.pb.h"
#include "proto/config_report.h"

namespace r1 {

// Settings of a part that is switched off (a stage with 0 steps, another task,
// rl.kl_coef = 0, a model with a path) may stand idle, so that one change
// switches a part off. A setting that the chosen variant cannot honour is a
// mistake: it would silently be dropped.
void CheckConfigRules(const Recipe& recipe, ConfigReport* report);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_RULES_H_
