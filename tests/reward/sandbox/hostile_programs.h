// Programs that try to get out, to stay, or to take too much: one row each.
#ifndef R1_TESTS_REWARD_SANDBOX_HOSTILE_PROGRAMS_H_
#define R1_TESTS_REWARD_SANDBOX_HOSTILE_PROGRAMS_H_

#include <string>
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
  const char* program;
};

// Python, behind kHostilePrelude.
extern const char kHostilePrelude[];
std::vector<HostileProgram> ProgramsThatTakeTooMuch();  // limits
std::vector<HostileProgram> ProgramsThatReachOut();     // isolation
std::vector<HostileProgram> ProgramsThatLookHonest();   // streams and controls
std::vector<HostileProgram> AllHostilePrograms();       // these three

// Bodies of C++ functions, and one program that has them all: it runs the row
// whose number it gets.
std::vector<HostileProgram> CppPrograms();
std::string HostileCppSource();
// Whole C++ programs, most of which attack the compiler; expected is CE or the
// verdict of the run.
std::vector<HostileProgram> CppSources();

}  // namespace r1

#endif  // R1_TESTS_REWARD_SANDBOX_HOSTILE_PROGRAMS_H_
