#include "reward/language/language.h"

#include <algorithm>
#include <string>
#include <vector>

#include "reward/language/latin.h"
#include "reward/language/words.h"

namespace r1 {
namespace {

constexpr Language kLanguages[] = {
    {"ar", Script::kArabic}, {"de", Script::kLatin},
    {"el", Script::kGreek},  {"en", Script::kLatin},
    {"es", Script::kLatin},  {"fr", Script::kLatin},
    {"he", Script::kHebrew}, {"hi", Script::kDevanagari},
    {"it", Script::kLatin},  {"ja", Script::kKana},
    {"ko", Script::kHangul}, {"nl", Script::kLatin},
    {"pt", Script::kLatin},  {"ru", Script::kCyrillic},
    {"th", Script::kThai},   {"zh", Script::kHan},
};
constexpr int kNumLanguages = std::size(kLanguages);

int IndexOf(absl::string_view code) {
  const auto it =
      std::find_if(std::begin(kLanguages), std::end(kLanguages),
                   [&](const Language& l) { return l.code == code; });
  return static_cast<int>(it - std::begin(kLanguages));
}

// The position of the language that the words show, -1 for none.
int LanguageOf(const LatinEvidence& evidence) {
  static const auto& positions = *[] {
    auto* positions = new std::vector<int>;
    for (const absl::string_view code : LatinLanguages()) {
      positions->push_back(IndexOf(code));
    }
    return positions;
  }();
  const int decided = evidence.Decide();
  return decided < 0 ? -1 : positions[decided];
}

class Counter {
 public:
  void AddWord(Script script, const std::string& word) {
    if (script == Script::kLatin) {
      ++latin_;
      evidence_.AddWord(word);
    } else if (script == Script::kHan) {
      ++han_;
    } else if (script == Script::kKana) {
      ++kana_;
    } else {
      ++other_;
      for (int i = 0; i < kNumLanguages; ++i) {
        counts_[i] += kLanguages[i].script == script;
      }
    }
  }

  void EndSentence() {
    const int language = LanguageOf(evidence_);
    (language < 0 ? undecided_ : counts_[language]) += latin_;
    total_evidence_.Add(evidence_);
    evidence_ = {};
    static const int kJapanese = IndexOf("ja"), kChinese = IndexOf("zh");
    const bool is_japanese = kana_ > 0 && kana_ * 10 >= kana_ + han_;
    counts_[is_japanese ? kJapanese : kChinese] += han_;
    counts_[kJapanese] += kana_;
    all_ += latin_ + han_ + kana_ + other_;
    latin_ = han_ = kana_ = other_ = 0;
  }

  WordShare Share(int target) const {
    WordShare share{counts_[target], all_};
    const bool is_latin = kLanguages[target].script == Script::kLatin;
    const int language = LanguageOf(total_evidence_);
    if (language == target) share.target += undecided_;
    if (language < 0 && is_latin) share.all -= undecided_;
    return share;
  }

 private:
  // Of the sentence.
  int64_t latin_ = 0, han_ = 0, kana_ = 0, other_ = 0;
  LatinEvidence evidence_;
  // Of the text.
  int64_t all_ = 0;
  int64_t undecided_ = 0;  // Latin words
  std::vector<int64_t> counts_ = std::vector<int64_t>(kNumLanguages);
  LatinEvidence total_evidence_;
};

}  // namespace

absl::Span<const Language> Languages() { return kLanguages; }

WordShare CountWords(absl::string_view text, int target) {
  Counter counter;
  WordVisitor visitor;
  visitor.word = [&](Script script, const std::string& word) {
    counter.AddWord(script, word);
  };
  visitor.sentence_end = [&] { counter.EndSentence(); };
  VisitWords(text, visitor);
  return counter.Share(target);
}

}  // namespace r1
