// The one entry that libFuzzer and the tests share.
#ifndef R1_TESTS_FUZZ_MATH_FUZZ_H_
#define R1_TESTS_FUZZ_MATH_FUZZ_H_

#include <cstddef>
#include <cstdint>

// Input: gold, a newline, answer. The first byte of the gold picks the mode.
// Aborts where a verdict breaks what holds for every input.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // R1_TESTS_FUZZ_MATH_FUZZ_H_
