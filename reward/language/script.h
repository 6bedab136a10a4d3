// Which writing system a character belongs to.
#ifndef R1_REWARD_LANGUAGE_SCRIPT_H_
#define R1_REWARD_LANGUAGE_SCRIPT_H_

#include <cstdint>

namespace r1 {

enum class Script {
  kOther,  // letters of scripts that have no entry below
  kLatin,
  kGreek,
  kCyrillic,
  kHebrew,
  kArabic,
  kDevanagari,
  kThai,
  kHangul,
  kKana,  // hiragana and katakana
  kHan,
};

// The script of a letter; meaningless for other characters.
// Source: Unicode 15 Scripts.txt, by block.
Script ScriptOf(int32_t code_point);

// Whether one character of it counts as one word: these are written without
// spaces.
inline bool IsWordByCharacter(Script script) {
  return script == Script::kHan || script == Script::kKana;
}

}  // namespace r1

#endif  // R1_REWARD_LANGUAGE_SCRIPT_H_
