#include "pipeline/report/answer_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pipeline/screen/escape.h"

namespace r1 {

std::string RenderAnswer(absl::string_view who, const EvalSample& sample,
                         absl::string_view indent) {
  std::string text =
      absl::StrCat(indent, who,
                   !sample.is_correct.has_value() ? ", not judged"
                   : *sample.is_correct           ? ", right"
                                                  : ", wrong",
                   ", ", sample.num_tokens, " tokens:\n");
  const std::string shown =
      VisibleText(absl::StripAsciiWhitespace(sample.completion));
  for (absl::string_view line : absl::StrSplit(shown, '\n')) {
    absl::StrAppend(&text, indent, "  ", line, "\n");
  }
  return text;
}

}  // namespace r1
