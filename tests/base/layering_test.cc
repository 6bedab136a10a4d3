// Who may include whom, and through which door outside libraries come in.
// Reads the #include lines of every source in the tree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "tests/base/sources.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

using RoomSet = std::set<std::string, std::less<>>;

// A room may include itself and these.
const std::map<std::string, RoomSet, std::less<>>& AllowedRooms() {
  static const auto* rooms = new std::map<std::string, RoomSet, std::less<>>{
      {"base", {}},
      {"proto", {"base"}},
      {"kernels", {"base"}},
      {"model", {"kernels", "proto", "base"}},
      {"rollout", {"model", "kernels", "proto", "base"}},
      {"reward", {"proto", "base"}},
      {"learner", {"rollout", "reward", "model", "kernels", "proto", "base"}},
      {"judge",
       {"learner", "rollout", "reward", "model", "kernels", "proto", "base"}},
      {"pipeline",
       {"judge", "learner", "rollout", "reward", "model", "kernels", "proto",
        "base"}},
      {"bench",
       {"pipeline", "judge", "learner", "rollout", "reward", "model", "kernels",
        "proto", "base"}},
      {"tests",
       {"bench", "pipeline", "judge", "learner", "rollout", "reward", "model",
        "kernels", "proto", "base"}},
  };
  return *rooms;
}

// Of rollout and reward the learner sees contracts only: the interfaces it
// pulls prompts, trajectories and rewards from.
bool IsContract(absl::string_view header) {
  return absl::EndsWith(header, "_source.h");
}

absl::string_view RoomOf(absl::string_view path) {
  return path.substr(0, path.find('/'));
}

// pipeline's folders from the bottom up: one includes itself and those before.
constexpr absl::string_view kPipelineFloors[] = {
    "process",    "store",  "folder", "services", "screen",
    "evaluation", "stages", "report", "run",      "commands"};

// The place of a pipeline file's folder in kPipelineFloors; above all for the
// files that lie in pipeline/ itself; -1 if the folder is not listed.
int FloorOf(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "pipeline/")) return -1;
  const int top = static_cast<int>(std::size(kPipelineFloors));
  if (!absl::StrContains(path, '/')) return top;
  const auto* found = std::find(std::begin(kPipelineFloors),
                                std::end(kPipelineFloors), RoomOf(path));
  const int floor = static_cast<int>(found - kPipelineFloors);
  return floor == top ? -1 : floor;
}

struct Door {
  absl::string_view library;               // for messages
  std::vector<absl::string_view> headers;  // substrings of the include
  // Prefixes of paths that may include it.
  std::vector<absl::string_view> folders;
  // Words of which one must stand in the file's name; none: any name.
  std::vector<absl::string_view> words;
};

const std::vector<Door>& Doors() {
  static const auto* doors = new std::vector<Door>{
      {"CUDA", {"cuda", "cublas", "nccl.h"}, {"kernels/cuda/"}, {}},
      {"SQLite",
       {"sqlite3"},
       {"pipeline/store/sqlite", "pipeline/store/run_store"},
       {}},
      {"gRPC",
       {"grpc"},
       {"rollout/", "reward/", "pipeline/", "learner/ranks/grpc"},
       {"grpc", "service", "server", "client", "worker", "coordinator",
        "channel"}},
      {"RE2", {"re2/"}, {"reward/", "proto/"}, {}},
      {"PCRE2", {"pcre2"}, {"model/tokenizer", "model/pretokenizer"}, {}},
      {"utf8proc",
       {"utf8proc"},
       {"model/unicode", "reward/language/words"},
       {}},
      {"OpenSSL", {"openssl/"}, {"base/sha256.cc"}, {}},
      {"FLINT", {"flint/", "acb.h", "acb_", "arb.h"}, {"reward/math/"}, {}},
      {"GMP", {"gmp.h", "gmpxx.h"}, {"reward/countdown/", "reward/math/"}, {}},
      {"Highway", {"hwy/"}, {"kernels/cpu/", "bench/"}, {}},
      // Its functions change with its version, and a run's bits with them.
      {"Highway's contrib", {"hwy/contrib/"}, {"nowhere"}, {}},
      {"OpenBLAS", {"cblas"}, {"bench/"}, {}},
      // Who passes tensors on need not know on which device they are.
      {"the elements of tensors",
       {"kernels/matrix.h"},
       {"kernels/", "bench/"},
       {}},
      {"CLI11", {"CLI/"}, {"pipeline/"}, {}},
      {"libseccomp", {"seccomp.h"}, {"reward/sandbox/launcher/"}, {}},
      {"Google Benchmark", {"benchmark/"}, {"bench/"}, {}},
  };
  return *doors;
}

absl::string_view FileName(absl::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool MayUse(const Door& door, absl::string_view path) {
  // Tests check a library's use from any side.
  if (RoomOf(path) == "tests") return true;
  const auto is_folder = [&](auto folder) {
    return absl::StartsWith(path, folder);
  };
  const auto has_word = [&](auto word) {
    return absl::StrContains(FileName(path), word);
  };
  return std::any_of(door.folders.begin(), door.folders.end(), is_folder) &&
         (door.words.empty() ||
          std::any_of(door.words.begin(), door.words.end(), has_word));
}

// The header of an #include line; empty for other lines.
absl::string_view IncludedHeader(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "#")) return "";
  line = absl::StripLeadingAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "include")) return "";
  line = absl::StripLeadingAsciiWhitespace(line);
  if (line.empty() || (line.front() != '"' && line.front() != '<')) return "";
  const char close = line.front() == '"' ? '"' : '>';
  line.remove_prefix(1);
  return line.substr(0, line.find(close));
}

// What is wrong with `path` including `header`; empty if nothing is.
std::string Violation(absl::string_view path, absl::string_view header) {
  const absl::string_view room = RoomOf(path), other = RoomOf(header);
  const auto allowed = AllowedRooms().find(room);
  if (allowed == AllowedRooms().end()) {
    return absl::StrCat(path, ": ", room, " is not a room");
  }
  const bool is_ours = AllowedRooms().contains(other) && other != header;
  if (is_ours && other != room && !allowed->second.contains(other)) {
    return absl::StrCat(path, ": ", room, " may not include ", header);
  }
  if (room == "learner" && (other == "rollout" || other == "reward") &&
      is_ours && !IsContract(header)) {
    return absl::StrCat(path, ": learner may include only *_source.h of ",
                        other, ", not ", header);
  }
  if (room == "pipeline" && other == room) {
    const int floor = FloorOf(path);
    if (floor < 0) return absl::StrCat(path, ": a folder without a floor");
    if (FloorOf(header) > floor) {
      return absl::StrCat(path, ": may not include ", header,
                          ", which is above it");
    }
  }
  for (const Door& door : Doors()) {
    const bool is_library =
        std::any_of(door.headers.begin(), door.headers.end(),
                    [&](auto part) { return absl::StrContains(header, part); });
    const bool is_own_header = is_ours && !absl::EndsWith(header, ".pb.h");
    if (is_library && !is_own_header && !MayUse(door, path)) {
      return absl::StrCat(path, ": ", door.library,
                          " has its door elsewhere: ", header);
    }
  }
  return "";
}

TEST(LayeringTest, EveryIncludeIsAllowed) {
  std::vector<std::string> paths;
  for (const auto& [room, allowed] : AllowedRooms()) {
    for (std::string& path : SourcesOf(room)) paths.push_back(std::move(path));
  }
  EXPECT_GT(paths.size(), 20) << "sources not found in " << R1_SOURCE_DIR;
  int includes = 0;
  for (const std::string& path : paths) {
    const auto text = ReadFile(absl::StrCat(R1_SOURCE_DIR, "/", path));
    ASSERT_TRUE(text.ok()) << text.status();
    for (absl::string_view line : absl::StrSplit(*text, '\n')) {
      const absl::string_view header = IncludedHeader(line);
      if (header.empty()) continue;
      ++includes;
      EXPECT_EQ(Violation(path, header), "");
    }
  }
  EXPECT_GT(includes, 4 * paths.size()) << "includes not recognised";
}

TEST(LayeringTest, EveryFolderThatBuildsIsARoom) {
  const std::filesystem::path root = R1_SOURCE_DIR;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    const std::string name = entry.path().filename();
    if (!entry.is_directory() || name[0] == '.' ||
        !std::filesystem::exists(entry.path() / "CMakeLists.txt")) {
      continue;
    }
    EXPECT_TRUE(AllowedRooms().contains(name)) << name;
  }
}

TEST(LayeringTest, IncludeLinesAreRecognised) {
  EXPECT_EQ(IncludedHeader("#include \"a/b.h\""), "a/b.h");
  EXPECT_EQ(IncludedHeader("  #  include <x/y.h>  // why"), "x/y.h");
  EXPECT_EQ(IncludedHeader("#include \"hwy/foreach_target.h\"  // keep"),
            "hwy/foreach_target.h");
  EXPECT_EQ(IncludedHeader("#include HWY_TARGET_INCLUDE"), "");
  EXPECT_EQ(IncludedHeader("// #include \"a/b.h\""), "");
  EXPECT_EQ(IncludedHeader("#ifndef X"), "");
}

TEST(LayeringTest, UpwardIncludesAreFound) {
  EXPECT_THAT(Violation("base/a.cc", "proto/recipe.h"),
              HasSubstr("base may not include"));
  EXPECT_THAT(Violation("model/a.cc", "rollout/engine.h"),
              HasSubstr("model may not include"));
  EXPECT_THAT(Violation("reward/a.cc", "model/tokenizer.h"),
              HasSubstr("reward may not include"));
  EXPECT_THAT(Violation("kernels/cpu/a.cc", "proto/config.pb.h"),
              HasSubstr("kernels may not include"));
  EXPECT_THAT(Violation("learner/a.cc", "pipeline/store/run_store.h"),
              HasSubstr("learner may not include"));
  EXPECT_THAT(Violation("model/a.cc", "tests/reference/matmul.h"),
              HasSubstr("model may not include"));
  EXPECT_THAT(Violation("learner/a.cc", "rollout/engine.h"),
              HasSubstr("only *_source.h"));
  EXPECT_THAT(Violation("pipeline/store/a.cc", "pipeline/run/plan.h"),
              HasSubstr("which is above it"));
  EXPECT_THAT(Violation("pipeline/else/a.cc", "pipeline/run/plan.h"),
              HasSubstr("without a floor"));
  EXPECT_THAT(Violation("scripts/a.cc", "base/file.h"),
              HasSubstr("not a room"));
}

TEST(LayeringTest, DownwardIncludesAreAllowed) {
  EXPECT_THAT(Violation("pipeline/a.cc", "learner/trainer.h"), IsEmpty());
  EXPECT_THAT(Violation("pipeline/run/a.cc", "pipeline/store/b.h"), IsEmpty());
  EXPECT_THAT(Violation("pipeline/main.cc", "pipeline/commands/b.h"),
              IsEmpty());
  EXPECT_THAT(Violation("learner/a.cc", "rollout/rollout_source.h"), IsEmpty());
  EXPECT_THAT(Violation("learner/a.cc", "proto/reward.pb.h"), IsEmpty());
  EXPECT_THAT(Violation("model/a.cc", "model/b.h"), IsEmpty());
  EXPECT_THAT(Violation("base/a.cc", "string"), IsEmpty());
}

TEST(LayeringTest, LibrariesBesideTheirDoorAreFound) {
  const std::string elsewhere = "door elsewhere";
  EXPECT_THAT(Violation("model/a.cc", "sqlite3.h"), HasSubstr(elsewhere));
  EXPECT_THAT(Violation("rollout/engine.cc", "grpcpp/grpcpp.h"),
              HasSubstr(elsewhere));
  EXPECT_THAT(Violation("rollout/engine.cc", "proto/rollout.grpc.pb.h"),
              HasSubstr(elsewhere));
  EXPECT_THAT(Violation("learner/worker.cc", "grpcpp/grpcpp.h"),
              HasSubstr(elsewhere));
  EXPECT_THAT(Violation("model/a.cc", "re2/re2.h"), HasSubstr(elsewhere));
  EXPECT_THAT(Violation("model/decoder.cc", "pcre2.h"), HasSubstr(elsewhere));
  EXPECT_THAT(Violation("base/file.cc", "openssl/evp.h"), HasSubstr(elsewhere));
  EXPECT_THAT(Violation("model/a.cc", "hwy/highway.h"), HasSubstr(elsewhere));
  EXPECT_THAT(Violation("kernels/cpu/a.cc", "cblas.h"), HasSubstr(elsewhere));
  EXPECT_THAT(Violation("kernels/cpu/a.cc", "hwy/contrib/math/math-inl.h"),
              HasSubstr(elsewhere));
  EXPECT_THAT(Violation("reward/core/scorer.cc", "seccomp.h"),
              HasSubstr(elsewhere));
  EXPECT_THAT(Violation("kernels/cpu/a.cc", "cuda_runtime.h"),
              HasSubstr(elsewhere));
}

TEST(LayeringTest, LibrariesThroughTheirDoorAreAllowed) {
  EXPECT_THAT(Violation("pipeline/store/sqlite.cc", "sqlite3.h"), IsEmpty());
  EXPECT_THAT(Violation("rollout/worker.cc", "grpcpp/grpcpp.h"), IsEmpty());
  EXPECT_THAT(Violation("reward/service/service.cc", "proto/reward.grpc.pb.h"),
              IsEmpty());
  EXPECT_THAT(Violation("rollout/coordinator.cc", "rollout/grpc_limits.h"),
              IsEmpty());
  EXPECT_THAT(Violation("model/tokenizer_split.cc", "pcre2.h"), IsEmpty());
  EXPECT_THAT(Violation("base/sha256.cc", "openssl/evp.h"), IsEmpty());
  EXPECT_THAT(Violation("kernels/cpu/a.cc", "hwy/highway.h"), IsEmpty());
}

}  // namespace
}  // namespace r1
