#include "reward/language/language.h"

#include <array>

#include "base/utf8.h"
#include "reward/language/latin.h"
#include "reward/language/words.h"

namespace r1 {
namespace {

constexpr Language kLanguages[] = {
    {"ar", Script::kArabic, 0x0621, 0x064A},
    {"de", Script::kLatin},
    {"el", Script::kGreek},
    {"en", Script::kLatin},
    {"es", Script::kLatin},
    {"fr", Script::kLatin},
    {"he", Script::kHebrew, 0x05D0, 0x05EA},
    {"hi", Script::kDevanagari},
    {"it", Script::kLatin},
    {"ja", Script::kKana},
    {"ko", Script::kHangul},
    {"nl", Script::kLatin},
    {"pt", Script::kLatin},
    {"ru", Script::kCyrillic, 0x0430, 0x044F},
    {"th", Script::kThai},
    {"zh", Script::kHan},
};

// Words of the target's script with letters of another language that make a
// sentence one of that.
constexpr int64_t kForeignShare = 6;

bool HasLettersOf(const Language& language, absl::string_view letters) {
  while (!letters.empty()) {
    size_t length = 0;
    const int32_t letter = FirstCodePoint(letters, &length);
    if (letter < language.first_letter || letter > language.last_letter) {
      return false;
    }
    letters.remove_prefix(length);
  }
  return true;
}

class Counter {
 public:
  explicit Counter(const Language& target) : target_(target) {}

  void AddWord(const Word& word) {
    if (word.script == Script::kLatin) {
      ++latin_;
      evidence_.AddWord(word);
    } else if (word.script == Script::kHan) {
      ++han_;
    } else if (word.script == Script::kKana) {
      ++kana_;
    } else if (word.script == target_.script) {
      ++own_;
      foreign_ += !HasLettersOf(target_, word.letters);
    } else {
      ++other_;
    }
  }

  void EndSentence() {
    latin_words_[evidence_.Plausible()] += latin_;
    all_evidence_.Add(evidence_);
    evidence_ = {};
    const bool is_japanese = kana_ > 0 && kana_ * 10 >= kana_ + han_;
    if (target_.script == Script::kKana) {
      share_.target += kana_ + (is_japanese ? han_ : 0);
    } else if (target_.script == Script::kHan) {
      share_.target += is_japanese ? 0 : han_;
    } else if (foreign_ * kForeignShare < own_) {
      share_.target += own_;
    }
    share_.all += han_ + kana_ + own_ + other_;
    latin_ = han_ = kana_ = own_ = other_ = foreign_ = 0;
  }

  WordShare Share() const {
    WordShare share = share_;
    const LatinSet target = LatinSetOf(target_.code);
    const LatinSet text = all_evidence_.Plausible();
    for (size_t set = 0; set < latin_words_.size(); ++set) {
      const LatinSet both = set & text;
      const LatinSet languages = both != 0 ? both : set != 0 ? set : text;
      if (languages & target) share.target += latin_words_[set];
      const bool is_counted = languages != 0 || target == 0;
      if (is_counted) share.all += latin_words_[set];
    }
    return share;
  }

 private:
  const Language& target_;
  // Of the sentence: words by script; `own`: the target's, if it is none of the
  // others; `foreign`: of these, such with letters it does not have.
  int64_t latin_ = 0, han_ = 0, kana_ = 0, own_ = 0, other_ = 0, foreign_ = 0;
  LatinEvidence evidence_;
  // Of the text. Latin words by the languages that explain their sentence.
  WordShare share_;
  std::array<int64_t, 1 << kNumLatinLanguages> latin_words_ = {};
  LatinEvidence all_evidence_;
};

}  // namespace

absl::Span<const Language> Languages() { return kLanguages; }

WordShare CountWords(absl::string_view text, int target) {
  Counter counter(kLanguages[target]);
  VisitWords(text, {[&](const Word& word) { counter.AddWord(word); },
                    [&] { counter.EndSentence(); }});
  return counter.Share();
}

std::optional<bool> IsInOneLanguage(absl::string_view text) {
  bool has_words = false;
  for (int target = 0; target < static_cast<int>(Languages().size());
       ++target) {
    const WordShare share = CountWords(text, target);
    if (share.all > 0 && share.target == share.all) return true;
    has_words |= share.all > 0;
  }
  if (!has_words) return std::nullopt;
  return false;
}

}  // namespace r1
