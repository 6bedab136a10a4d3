// Of a stage that samples data: what it kept, what it dropped and why.
#ifndef R1_PIPELINE_REPORT_REPORT_KEPT_H_
#define R1_PIPELINE_REPORT_REPORT_KEPT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pipeline/report/report_json.h"
#include "pipeline/store/run_reader.h"
#include "proto/config.pb.h"

namespace r1 {

// "kept", or why a sample was dropped (KeptSamples), of each of one step's
// samples. Empty where it is not known: without sample.keep a rule that is not
// built in decides, and only its service could tell what it calls right.
std::vector<std::string> FatesOfSamples(const StageConfig& stage,
                                        const std::vector<SampleView>& samples);

// Fills "kept" of the stage's section, once the stage has counted: {drawn,
// kept, dropped: [[reason, count]], examples: [{question, reference, sample}]},
// where a sample has its "fate"; some that were kept, and of each reason.
// `rows` and `reader` are the stage's.
absl::Status AddKept(const RunReader& reader, const StageConfig& stage,
                     const std::vector<MetricsRow>& rows, ReportJson* section);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_KEPT_H_
