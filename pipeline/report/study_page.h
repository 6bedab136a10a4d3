// The page of a study.
#ifndef R1_PIPELINE_REPORT_STUDY_PAGE_H_
#define R1_PIPELINE_REPORT_STUDY_PAGE_H_

#include <string>

#include "pipeline/report/study_report.h"

namespace r1 {

// The content of study.html: tables of mean and spread with each seed's values,
// the runs, with links to their reports relative to the study's folder, their
// times and hashes, and the recipe. It has no script, and all text is escaped.
std::string StudyPage(const Study& study);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_STUDY_PAGE_H_
