#include "rollout/tasks/row_file.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "model/strict_json.h"

namespace r1 {
namespace {

using Bytes = absl::string_view;  // literals with NULs need their length

constexpr size_t kMaxReportedErrors = 20;

struct FileKind {
  Bytes magic;
  absl::string_view what;
  // A command that is given the file's path and writes rows; empty: r1_data.py.
  absl::string_view command = "";
};

constexpr absl::string_view kFromUtf16 = "iconv -f UTF-16 -t UTF-8";

// Longer ones first where one begins like another.
const FileKind kKinds[] = {
    {"PAR1", "a Parquet file"},
    {"ARROW1", "an Arrow file"},
    {Bytes("\xFF\xFF\xFF\xFF", 4), "an Arrow stream"},
    {Bytes("\x1F\x8B", 2), "a gzip archive", "zcat"},
    {Bytes("PK\x03\x04", 4), "a zip archive", "unzip -p"},
    {Bytes("\x28\xB5\x2F\xFD", 4), "a zstd archive", "zstdcat"},
    {Bytes("\xFD\x37zXZ", 5), "an xz archive", "xzcat"},
    {"BZh", "a bzip2 archive", "bzcat"},
    {Bytes("\x04\x22\x4D\x18", 4), "an lz4 archive", "lz4cat"},
    {Bytes("\xFF\xFE\x00\x00", 4), "text in UTF-32",
     "iconv -f UTF-32 -t UTF-8"},
    {Bytes("\xFF\xFE", 2), "text in UTF-16", kFromUtf16},
    {Bytes("\xFE\xFF", 2), "text in UTF-16", kFromUtf16},
    {Bytes("{\0", 2), "text in UTF-16", "iconv -f UTF-16LE -t UTF-8"},
    {Bytes("\0{", 2), "text in UTF-16", "iconv -f UTF-16BE -t UTF-8"},
};

// Files that hold no rows to convert.
struct Stranger {
  Bytes magic;
  absl::string_view what_and_remedy;
};

const Stranger kStrangers[] = {
    {"version https://git-lfs",
     "a pointer of Git LFS in place of the data: get them by git lfs pull"},
    {"<", "a web page or XML: download the raw file"},
    {"SQLite format 3", "an SQLite database: write its rows as JSON Lines"},
    {Bytes("\x89HDF", 4), "an HDF5 file: write its rows as JSON Lines"},
    {Bytes("\x93NUMPY", 6), "a NumPy array: write its rows as JSON Lines"},
    {Bytes("\x80\x04", 2), "a Python pickle: write its rows as JSON Lines"},
    {"%PDF", "a PDF"},
};

absl::Status Refuse(absl::string_view path, absl::string_view got) {
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": expected JSON Lines, one JSON object a line; got ", got));
}

absl::Status Refuse(absl::string_view path, absl::string_view what,
                    absl::string_view command) {
  if (command.empty()) {
    return Refuse(
        path, absl::StrCat(what, ": convert it by python3 r1_data.py ", path,
                           " > rows.jsonl (it is beside "
                           "r1_reward.py, in reward/plugin/python)"));
  }
  return Refuse(path, absl::StrCat(what, ": convert it by ", command, " ", path,
                                   " > rows.jsonl"));
}

}  // namespace

absl::Status CheckIsJsonLines(absl::string_view head, absl::string_view path) {
  for (const FileKind& kind : kKinds) {
    if (absl::StartsWith(head, kind.magic)) {
      return Refuse(path, kind.what, kind.command);
    }
  }
  absl::ConsumePrefix(&head, "\xef\xbb\xbf");
  head = absl::StripLeadingAsciiWhitespace(head);
  for (const Stranger& kind : kStrangers) {
    if (absl::StartsWith(head, kind.magic)) {
      return Refuse(path, kind.what_and_remedy);
    }
  }
  if (absl::StartsWith(head, "[")) return Refuse(path, "a JSON array", "");
  const absl::string_view line =
      absl::StripAsciiWhitespace(head.substr(0, head.find('\n')));
  if (line == "{") {
    return Refuse(path, "a JSON document over several lines", "");
  }
  if (!absl::StartsWith(line, "{") && absl::StrContains(line, ',')) {
    return Refuse(path, "what looks like CSV", "");
  }
  if (!absl::StartsWith(line, "{") && absl::StrContains(line, '\t')) {
    return Refuse(path, "what looks like tab-separated values", "");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadRowFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok() && ListDirectory(path).ok()) {
    return Refuse(path, "a folder", "");
  }
  if (!text.ok()) return text;
  const absl::Status kind = CheckIsJsonLines(*text, path);
  if (!kind.ok()) return kind;
  return text;
}

absl::Status ForEachJsonLine(
    absl::string_view text, absl::string_view name,
    absl::FunctionRef<absl::Status(int line, absl::string_view text,
                                   const nlohmann::json& row)>
        row) {
  std::vector<std::string> errors;
  int line_number = 0;
  while (!text.empty() && errors.size() < kMaxReportedErrors) {
    ++line_number;
    const size_t end = std::min(text.find('\n'), text.size());
    absl::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // Also where files with byte order marks were put together.
    while (absl::ConsumePrefix(&line, "\xef\xbb\xbf")) {
    }
    absl::ConsumeSuffix(&line, "\r");
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const absl::StatusOr<nlohmann::json> value = ParseStrictJson(line);
    absl::Status status = value.status();
    if (status.ok()) {
      status =
          value->is_object()
              ? row(line_number, line, *value)
              : absl::InvalidArgumentError(absl::StrCat(
                    "expected one JSON object, got ", DescribeJson(*value)));
    }
    if (!status.ok()) {
      errors.push_back(
          absl::StrCat(name, ":", line_number, ": ", status.message()));
    }
  }
  if (errors.size() == kMaxReportedErrors) {
    errors.push_back(absl::StrCat(name, ": the rest was not read"));
  }
  if (!errors.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  }
  return absl::OkStatus();
}

}  // namespace r1
