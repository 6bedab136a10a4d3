#include "reward/sandbox/launcher/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace r1 {
namespace {

// The first version in which files can be moved between folders, and the first
// that knows truncate(), which older headers have no name for.
constexpr long kMoves = 2, kTruncates = 3;
constexpr uint64_t kTruncate = 1 << 14;

constexpr uint64_t kReading = LANDLOCK_ACCESS_FS_EXECUTE |
                              LANDLOCK_ACCESS_FS_READ_FILE |
                              LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWriting = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr uint64_t kAll =
    kReading | kWriting | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |
    LANDLOCK_ACCESS_FS_REFER;

bool Allow(int rules, const char* folder, uint64_t access) {
  landlock_path_beneath_attr rule = {};
  rule.allowed_access = access;
  rule.parent_fd = ::open(folder, O_PATH | O_CLOEXEC);
  const bool is_done = ::syscall(SYS_landlock_add_rule, rules,
                                 LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  ::close(rule.parent_fd);
  return is_done;
}

}  // namespace

bool HoldFiles() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                                 LANDLOCK_CREATE_RULESET_VERSION);
  if (version < kMoves) return true;
  const uint64_t truncate = version < kTruncates ? 0 : kTruncate;
  landlock_ruleset_attr handled = {};
  handled.handled_access_fs = kAll | truncate;
  const int rules = static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0));
  if (rules < 0) return false;
  const bool is_done = Allow(rules, "/", kReading) &&
                       Allow(rules, "/dev", kReading | kWriting | truncate) &&
                       Allow(rules, "/box", handled.handled_access_fs) &&
                       ::syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  ::close(rules);
  return is_done;
}

}  // namespace r1
