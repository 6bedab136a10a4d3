// Included before all else in a build for ThreadSanitizer.
//
// Under it protobuf's map fields have two more members, with which they show
// races. Debian's library and our generated messages are built without it and
// so lack them; code that is built with it would look for a map's content at
// the wrong place.
#ifndef R1_TESTS_SANITIZER_TSAN_PROTOBUF_H_
#define R1_TESTS_SANITIZER_TSAN_PROTOBUF_H_

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include "google/protobuf/map_field.h"
#pragma pop_macro("__SANITIZE_THREAD__")

#endif  // R1_TESTS_SANITIZER_TSAN_PROTOBUF_H_
