// The sources of the tree, for the tests that read them.
#ifndef R1_TESTS_BASE_SOURCES_H_
#define R1_TESTS_BASE_SOURCES_H_

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace r1 {

// Paths of the sources below a folder of the tree, relative to the tree's root;
// none if there is no such folder.
inline std::vector<std::string> SourcesOf(absl::string_view folder) {
  static const auto* extensions =
      new std::set<std::string>{".h", ".cc", ".cu", ".cuh", ".inc"};
  std::vector<std::string> paths;
  const std::filesystem::path root = R1_SOURCE_DIR;
  const std::filesystem::path top = root / std::string(folder);
  if (!std::filesystem::exists(top)) return paths;
  const auto options =
      std::filesystem::directory_options::follow_directory_symlink;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(top, options)) {
    if (extensions->contains(entry.path().extension().string())) {
      paths.push_back(entry.path().lexically_relative(root).string());
    }
  }
  return paths;
}

}  // namespace r1

#endif  // R1_TESTS_BASE_SOURCES_H_
