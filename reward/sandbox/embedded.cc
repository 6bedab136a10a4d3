#include "reward/sandbox/embedded.h"

#include "reward/sandbox/embed_file.h"

R1_EMBED_FILE(r1_launcher, R1_LAUNCHER_FILE);
R1_EMBED_FILE(r1_zygote_library, R1_ZYGOTE_LIBRARY_FILE);
R1_EMBED_FILE(r1_zygote_script, R1_ZYGOTE_SCRIPT_FILE);

namespace r1 {

absl::string_view LauncherProgram() { return R1_EMBEDDED(r1_launcher); }
absl::string_view ZygoteLibrary() { return R1_EMBEDDED(r1_zygote_library); }
absl::string_view ZygoteScript() { return R1_EMBEDDED(r1_zygote_script); }

}  // namespace r1
