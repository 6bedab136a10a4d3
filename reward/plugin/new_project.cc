#include "reward/plugin/new_project.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "reward/builtin_rules.h"
#include "reward/core/registry.h"
#include "reward/core/text.h"
#include "reward/sandbox/embed_file.h"

#define R1_PLUGIN_DIR R1_SOURCE_DIR "/reward/plugin"
#define R1_EXAMPLES R1_PLUGIN_DIR "/examples/"
R1_EMBED_FILE(r1_new_cases, R1_EXAMPLES "cases.jsonl");
R1_EMBED_FILE(r1_new_cpp_cmake, R1_EXAMPLES "cpp/CMakeLists.txt");
R1_EMBED_FILE(r1_new_cpp_readme, R1_EXAMPLES "cpp/README.md");
R1_EMBED_FILE(r1_new_cpp_reward, R1_EXAMPLES "cpp/same_answer.cc");
R1_EMBED_FILE(r1_new_python_readme, R1_EXAMPLES "python/README.md");
R1_EMBED_FILE(r1_new_python_reward, R1_EXAMPLES "python/same_answer.py");
R1_EMBED_FILE(r1_new_python_adapter, R1_PLUGIN_DIR "/python/r1_reward.py");
R1_EMBED_FILE(r1_new_grpc_readme, R1_EXAMPLES "grpc/README.md");
R1_EMBED_FILE(r1_new_grpc_server, R1_EXAMPLES "grpc/server.py");
R1_EMBED_FILE(r1_new_grpc_proto, R1_SOURCE_DIR "/proto/reward.proto");

namespace r1 {
namespace {

struct Template {
  std::string file;
  absl::string_view text;
};

struct ProjectTemplate {
  std::vector<Template> files;
  std::vector<std::string> commands;
};

ProjectTemplate TemplateOf(RewardLanguage language) {
  const Template cases = {"cases.jsonl", R1_EMBEDDED(r1_new_cases)};
  switch (language) {
    case RewardLanguage::kCpp:
      return {
          {{"CMakeLists.txt", R1_EMBEDDED(r1_new_cpp_cmake)},
           {"README.md", R1_EMBEDDED(r1_new_cpp_readme)},
           {"same_answer.cc", R1_EMBEDDED(r1_new_cpp_reward)},
           cases},
          {"cmake -S . -B build -DCMAKE_PREFIX_PATH=PREFIX   # where r1.cpp "
           "is installed",
           "cmake --build build && ctest --test-dir build"}};
    case RewardLanguage::kPython:
      return {{{"README.md", R1_EMBEDDED(r1_new_python_readme)},
               {"same_answer.py", R1_EMBEDDED(r1_new_python_reward)},
               cases,
               {"r1_reward.py", R1_EMBEDDED(r1_new_python_adapter)}},
              {"python3 same_answer.py",
               "r1 reward test \"python3 r1_reward.py same_answer.py reward\" "
               "--cases cases.jsonl"}};
    case RewardLanguage::kGrpc:
      return {{{"README.md", R1_EMBEDDED(r1_new_grpc_readme)},
               cases,
               {"reward.proto", R1_EMBEDDED(r1_new_grpc_proto)},
               {"server.py", R1_EMBEDDED(r1_new_grpc_server)}},
              {"python3 server.py --port 7000",
               "r1 reward test same_answer=grpc:127.0.0.1:7000 --cases "
               "cases.jsonl   # elsewhere"}};
  }
  return {};
}

absl::Status CheckName(const std::string& name) {
  // Names of targets that CMake keeps for itself.
  static constexpr absl::string_view kTaken[] = {"all",  "clean",   "help",
                                                 "test", "install", "package"};
  const auto refuse = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a reward named \"", Excerpt(name), "\": ", why,
        "; expected lower-case letters, digits and _, a letter first"));
  };
  if (!IsRuleName(name)) return refuse("no name of a rule");
  if (!absl::ascii_islower(name[0])) return refuse("it begins with no letter");
  if (std::count(std::begin(kTaken), std::end(kTaken), name) > 0) {
    return refuse("CMake has a target of this name");
  }
  const auto names = BuiltinRewardRules().Names();
  if (std::count(names.begin(), names.end(), name) > 0) {
    return refuse("this program has a rule of this name");
  }
  return absl::OkStatus();
}

// "two_words" as "TwoWords".
std::string ClassName(const std::string& name) {
  std::string joined;
  for (absl::string_view word : absl::StrSplit(name, '_', absl::SkipEmpty())) {
    joined += absl::ascii_toupper(word[0]);
    absl::StrAppend(&joined, word.substr(1));
  }
  return joined;
}

}  // namespace

absl::StatusOr<RewardProject> WriteRewardProject(const std::string& name,
                                                 RewardLanguage language,
                                                 const std::string& folder) {
  R1_RETURN_IF_ERROR(CheckName(name));
  const auto fill_in = [&](absl::string_view text) {
    return absl::StrReplaceAll(
        text, {{"same_answer", name}, {"SameAnswer", ClassName(name)}});
  };
  const ProjectTemplate project = TemplateOf(language);
  RewardProject written;
  for (const Template& part : project.files) {
    written.files.push_back(fill_in(part.file));
    const std::string path = absl::StrCat(folder, "/", written.files.back());
    if (FileExists(path)) {
      return absl::AlreadyExistsError(
          absl::StrCat(path,
                       " is there already and is not replaced: give "
                       "another folder with --dir"));
    }
  }
  R1_RETURN_IF_ERROR(MakeDirectories(folder));
  for (size_t i = 0; i < project.files.size(); ++i) {
    R1_RETURN_IF_ERROR(
        WriteFileAtomic(absl::StrCat(folder, "/", written.files[i]),
                        fill_in(project.files[i].text)));
  }
  for (const std::string& command : project.commands) {
    written.commands.push_back(fill_in(command));
  }
  return written;
}

}  // namespace r1
