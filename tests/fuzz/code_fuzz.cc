#include "tests/fuzz/code_fuzz.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "reward/code/extract.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const r1::ProgramLanguage language = size > 0 && data[0] % 2 == 0
                                           ? r1::ProgramLanguage::kCpp
                                           : r1::ProgramLanguage::kPython;
  const r1::ExtractedCode found = r1::ExtractCode(input, language, "f");
  R1_CHECK(found.code.empty() != (found.problem[0] == '\0'),
           "there is a program or a reason");
  R1_CHECK(found.code.size() <= size + 1,
           "nothing is added but the end of a last line");
  const r1::ExtractedCode again = r1::ExtractCode(input, language, "f");
  R1_CHECK(again.code == found.code, "a program is a function of its input");
  // Reasoning that is closed in front of it changes nothing.
  const r1::ExtractedCode behind = r1::ExtractCode(
      absl::StrCat("<think>```\n</think>", input), language, "f");
  R1_CHECK(input.find("<think>") != absl::string_view::npos ||
               input.find("</think>") != absl::string_view::npos ||
               behind.code == found.code,
           "reasoning holds no program");
  return 0;
}
