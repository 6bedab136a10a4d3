// The one entry that libFuzzer and the tests share.
#ifndef R1_TESTS_FUZZ_CODE_FUZZ_H_
#define R1_TESTS_FUZZ_CODE_FUZZ_H_

#include <cstddef>
#include <cstdint>

// Input: a completion; its first byte picks the language. Aborts where the
// program found in it breaks what holds for every input.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // R1_TESTS_FUZZ_CODE_FUZZ_H_
