// Defaults of the sanitizers' run time, compiled into every program of a
// sanitizer build, so that tests and the processes they start run alike with
// and without ctest.

#if defined(__SANITIZE_THREAD__)

extern "C" const char* __tsan_default_options() {
  // A race in a test is a failure of that test, not only of its process.
  return "halt_on_error=1:second_deadlock_stack=1:history_size=4";
}

// Debian's gRPC and protobuf are not instrumented: what they do inside cannot
// be judged, e.g. hand-over through lock-free queues. That shows where one
// thread writes a message's bytes and another parses them, in protobuf's
// templates that the compiler put into our program. The list names these
// alone, so that races on messages themselves and in handlers are still found.
extern "C" const char* __tsan_default_suppressions() {
  // The lock of a map is taken inside protobuf, unseen, and released in a
  // template of ours.
  return "mutex:google::protobuf::internal::MapField\n"
         "called_from_lib:libgrpc.so\n"
         "called_from_lib:libgrpc++.so\n"
         "called_from_lib:libgpr.so\n"
         "called_from_lib:libprotobuf.so\n"
         "called_from_lib:libabsl_status.so\n"
         "called_from_lib:libabsl_strings.so\n"
         "called_from_lib:libabsl_cord.so\n"
         "called_from_lib:libabsl_cord_internal.so\n"
         "called_from_lib:libabsl_raw_hash_set.so\n"
         "called_from_lib:libabsl_graphcycles_internal.so\n"
         "called_from_lib:libabsl_str_format_internal.so\n"
         "called_from_lib:libabsl_time.so\n"
         "called_from_lib:libabsl_time_zone.so\n"
         "race:google::protobuf::io::EpsCopyOutputStream\n"
         "race:google::protobuf::internal::EpsCopyInputStream\n"
         "race:google::protobuf::internal::InlineGreedyStringParser\n"
         "race:google::protobuf::internal::Packed\n"
         "race:google::protobuf::internal::ParseContext\n"
         "race:google::protobuf::internal::WireFormat\n"
         "race:grpc::ProtoBufferReader\n"
         "race:grpc::ProtoBufferWriter\n"
         "race:grpc::ClientContext\n"
         "race:grpc::internal::CallOp\n"
         "race:grpc::internal::CallbackUnaryCall\n"
         "race:grpc::internal::CallbackWith\n";
}

#elif defined(__SANITIZE_ADDRESS__)

extern "C" const char* __asan_default_options() {
  return "detect_stack_use_after_return=1:strict_string_checks=1:"
         "check_initialization_order=1";
}

extern "C" const char* __ubsan_default_options() {
  return "print_stacktrace=1";
}

#endif
