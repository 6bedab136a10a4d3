// The one entry that libFuzzer and the tests share.
#ifndef R1_TESTS_FUZZ_ROWS_FUZZ_H_
#define R1_TESTS_FUZZ_ROWS_FUZZ_H_

#include <cstddef>
#include <cstdint>

// Input: a byte that says how to read, then the text of a file of JSON rows.
// Aborts where what is read of it breaks what holds for every file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#endif  // R1_TESTS_FUZZ_ROWS_FUZZ_H_
