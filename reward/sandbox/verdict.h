// What became of a run, in the words of contest judges.
#ifndef R1_REWARD_SANDBOX_VERDICT_H_
#define R1_REWARD_SANDBOX_VERDICT_H_

#include "reward/sandbox/protocol.h"

namespace r1 {

enum class Verdict {
  kOk,
  kWrongAnswer,   // WA: given by a verifier, never by the sandbox
  kTimeLimit,     // TLE: CPU time or the wall clock
  kMemoryLimit,   // MLE: the kernel killed for want of memory
  kOutputLimit,   // OLE: more on a stream than allowed
  kRuntimeError,  // RE: an exit code other than 0, or a signal
  kCompileError,  // CE: given by a verifier
  kProcessLimit,  // PLE: a fork or thread beyond the limit was refused
  kSandboxError,  // IE: not the program's doing; says nothing about it
};

// "OK", "WA", "TLE", ...
const char* VerdictName(Verdict verdict);

// The first that applies of IE for a run that did not come about, OLE, MLE,
// PLE, TLE, IE where the end of the program is not known, RE, OK.
// `has_memory_cgroup`: otherwise a program that failed near its limit is taken
// to have failed by it.
Verdict VerdictOf(const RunFacts& facts, const RunOrder& order,
                  bool has_memory_cgroup);

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_VERDICT_H_
