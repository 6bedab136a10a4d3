// The pages, styles and scripts of reports: the files in report/, embedded at
// build.
#ifndef R1_PIPELINE_REPORT_REPORT_ASSETS_H_
#define R1_PIPELINE_REPORT_REPORT_ASSETS_H_

namespace r1 {

extern const char kPageHtml[];  // with {{CSS}}, {{JS}}, {{DATA}} and others
extern const char kPageCss[];
extern const char kPageJs[];
extern const char kStudyHtml[];
extern const char kStudyCss[];

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_ASSETS_H_
