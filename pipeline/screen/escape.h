// Makes bytes that a model wrote harmless to look at. Nothing a model prints
// may move the cursor, change colours, hide or reorder text, or become markup.
#ifndef R1_PIPELINE_SCREEN_ESCAPE_H_
#define R1_PIPELINE_SCREEN_ESCAPE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// Valid UTF-8 in which every character shows as itself or as a visible escape:
// bytes that are no UTF-8 as \xNN; control characters (C0, C1, DEL), bidi
// marks and overrides, zero-width characters, line separators and tags as
// \u{NNNN}. Newline and tab stay; a carriage return does not.
std::string VisibleText(absl::string_view bytes);

// The same on one line: newlines as the two characters \n, tabs as spaces.
std::string VisibleLine(absl::string_view bytes);

// VisibleText with & < > " ' as entities: safe as HTML text and as the value
// of a quoted attribute.
std::string HtmlText(absl::string_view bytes);

// A JSON document made safe inside <script type="application/json">: every <
// (as well as U+2028 and U+2029) becomes a \u escape, which JSON allows within
// strings, the only place where they can occur.
std::string JsonForScript(absl::string_view json);

// Columns a terminal needs for valid UTF-8 without control characters: 2 for
// East Asian wide characters and emoji, 0 for combining marks, else 1.
int DisplayWidth(absl::string_view text);

// The text in `columns` of a terminal, to their left or right; a wider one as
// it is.
std::string PadRight(absl::string_view text, int columns);
std::string PadLeft(absl::string_view text, int columns);

// The longest start of `text` that fits in `columns`; with "…" as its last
// column if something was cut.
std::string TruncateToWidth(absl::string_view text, int columns);

}  // namespace r1

#endif  // R1_PIPELINE_SCREEN_ESCAPE_H_
