// The one entry that libFuzzer and the tests share.
#ifndef R1_TESTS_FUZZ_JINJA_FUZZ_H_
#define R1_TESTS_FUZZ_JINJA_FUZZ_H_

#include <cstddef>
#include <cstdint>

// Input: the source of a chat template. Aborts where its rendering breaks what
// holds for every template.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // R1_TESTS_FUZZ_JINJA_FUZZ_H_
