// One --set argument applied to a configuration.
#ifndef R1_PROTO_CONFIG_OVERRIDE_H_
#define R1_PROTO_CONFIG_OVERRIDE_H_

#include <string>

#include "proto/config.pb.h"
#include "proto/config_report.h"

namespace r1 {

// `argument` is "section.key=value". The value is written as in a file, except
// that text needs no quotes. Keys replace; `[a, b]` replaces a list, a single
// item is added to it; `{...}` merges into a section.
void ApplyOverride(const std::string& argument, RunConfig* config,
                   ConfigReport* report);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_OVERRIDE_H_
