// Programs that try to get out, to stay, or to take too much: one row each.
#ifndef R1_TESTS_REWARD_SANDBOX_HOSTILE_PROGRAMS_H_
#define R1_TESTS_REWARD_SANDBOX_HOSTILE_PROGRAMS_H_

#include <vector>

namespace r1 {

struct HostileProgram {
  const char* kind;
  const char* name;
  // The verdicts that contain it, e.g. "TLE" or "TLE PLE" where the machine's
  // pace decides which comes first.
  const char* verdicts;
  // Its standard output; null: any. Programs that try what must fail print
  // "held" if it does, "OUT" and which attempt if not.
  const char* output;
  // Python, behind kHostilePrelude.
  const char* program;
};

extern const char kHostilePrelude[];

std::vector<HostileProgram> ProgramsThatTakeTooMuch();  // limits
std::vector<HostileProgram> ProgramsThatReachOut();     // isolation
std::vector<HostileProgram> ProgramsThatLookHonest();   // streams and controls
std::vector<HostileProgram> AllHostilePrograms();

}  // namespace r1

#endif  // R1_TESTS_REWARD_SANDBOX_HOSTILE_PROGRAMS_H_
