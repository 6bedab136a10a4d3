// The watch-list: what of a run's numbers a person should look at.
#ifndef R1_PIPELINE_REPORT_REPORT_WARNINGS_H_
#define R1_PIPELINE_REPORT_REPORT_WARNINGS_H_

#include <string>
#include <vector>

#include "pipeline/store/run_reader.h"
#include "proto/config.pb.h"

namespace r1 {

struct ReportWarning {
  std::string stage;
  std::string text;  // with the numbers and the steps
};

// Of the stages that sample. The mean of a metric over the first fifth of the
// stage's recorded steps is compared with that over the last fifth; steps that
// lack it count for nothing. A change is one of more than 0.02 and of more than
// two standard errors of the difference of the two means; it takes ten steps.
//   reward hacking (DeepSeek-R1, arXiv 2501.12948 v2, B.5)
//              "reward/mean" rises while "accuracy" falls
//   language   "reward/rule/language" falls
//   truncated  "truncated_share" rises to more than 0.05; or it is above 0.2 in
//              the last fifth, of however few steps
// `rows` are those of all stages, each stage's by step.
std::vector<ReportWarning> FindWarnings(const std::vector<StageConfig>& stages,
                                        const std::vector<MetricsRow>& rows);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_WARNINGS_H_
