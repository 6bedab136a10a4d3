#include "reward/language/language.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_split.h"
#include "reward/language/words.h"

namespace r1 {
namespace {

constexpr Language kLanguages[] = {
    {"ar", Script::kArabic, ""},
    {"de", Script::kLatin,
     "der die das den dem des ein eine einen einem einer eines und oder aber "
     "nicht kein keine ist sind war waren wird werden wurde hat haben hatte "
     "ich "
     "du er sie es wir ihr mich dich uns von vom zu zum zur mit bei nach aus "
     "auf "
     "an im fur uber unter durch um als wie wenn dann dass weil also so auch "
     "noch nur schon sehr mehr hier da was wer wo warum welche welcher jetzt "
     "konnen kann muss mussen soll alle dieser diese dieses man gibt zuerst"},
    {"el", Script::kGreek, ""},
    {"en", Script::kLatin,
     "the of and to in is that it was for on are as with his they be at one "
     "have this from or had by but not what all were we when your can there an "
     "each which she do how their if will up other about out many then them "
     "these so some her would make like him into has two could no than first "
     "been its who now my over did down only way find use may long little very "
     "after our just me because let know need must where since thus therefore "
     "you he should both same here get using also any more wait per every each "
     "much such those through while being does again most us am"},
    {"es", Script::kLatin,
     "el los las una unos unas del al y o pero que porque como cuando donde "
     "quien cual es son era eran fue sera ser estar esta estan este esto estos "
     "ese eso yo ella nosotros ellos mi su sus lo le les se nos con sin por "
     "para sobre entre desde hasta muy mas menos tambien ya hay tiene tenemos "
     "hacer puede podemos entonces ahora primero todo todos cada otro si asi "
     "luego debe"},
    {"fr", Script::kLatin,
     "le la les un une des du et ou mais donc que qui quoi dont ou est sont "
     "etait etaient sera etre avoir ai avons avez ont je il elle nous vous ils "
     "elles ce cet cette ces mon ma mes son sa ses leur leurs au aux avec sans "
     "pour par sur sous dans entre vers chez ne pas plus moins tres aussi deja "
     "si comme quand alors puis ainsi car faut peut fait tout tous chaque "
     "autre "
     "on y en maintenant"},
    {"he", Script::kHebrew, ""},
    {"hi", Script::kDevanagari, ""},
    {"it", Script::kLatin,
     "il lo gli uno una dei degli delle del della dello al alla alle nel nella "
     "sul sulla e ed ma che chi cui come quando dove perche e sono era erano "
     "sara essere avere ho abbiamo hanno io lui lei noi loro mio suo questo "
     "questa questi queste quello quella con senza per tra fra da dal dalla "
     "non "
     "piu meno molto anche gia si se cosi allora quindi poi dunque ora prima "
     "tutto tutti ogni altro puo possiamo dobbiamo"},
    {"ja", Script::kKana, ""},
    {"ko", Script::kHangul, ""},
    {"nl", Script::kLatin,
     "de het een en of maar niet geen is zijn was waren wordt worden werd "
     "heeft "
     "hebben had ik jij je hij zij ze wij we jullie hun haar mijn van voor met "
     "bij naar uit op aan in om te over onder door als dan dat dit die deze "
     "wat "
     "wie waar waarom hoe ook nog al alleen zeer meer hier er nu dus want "
     "omdat "
     "kan kunnen moet moeten alle elk andere eerst zo"},
    {"pt", Script::kLatin,
     "o os as um uma uns umas do da dos das no na nos nas ao aos e ou mas que "
     "porque como quando onde quem qual sao era eram foi sera ser estar esta "
     "estao este isto esse isso eu ele ela nos eles meu seu sua seus com sem "
     "por pelo pela para sobre entre desde ate muito mais menos tambem ja ha "
     "tem temos fazer pode podemos entao agora primeiro tudo todos cada outro "
     "se assim nao voce deve"},
    {"ru", Script::kCyrillic, ""},
    {"th", Script::kThai, ""},
    {"zh", Script::kHan, ""},
};
constexpr int kNumLanguages = std::size(kLanguages);

// A set of languages, by bit.
using LanguageSet = uint32_t;

const absl::flat_hash_map<absl::string_view, LanguageSet>& StopWords() {
  static const auto& words = *[] {
    auto* map = new absl::flat_hash_map<absl::string_view, LanguageSet>;
    for (int i = 0; i < kNumLanguages; ++i) {
      for (const absl::string_view word :
           absl::StrSplit(kLanguages[i].stop_words, ' ', absl::SkipEmpty())) {
        (*map)[word] |= LanguageSet{1} << i;
      }
    }
    return map;
  }();
  return words;
}

// Stop words by language.
using Evidence = std::vector<int64_t>;

// A sentence with fewer stop words says nothing by itself: some words are
// frequent in one language and occur in another ("per", "die", "no").
constexpr int64_t kMinSentenceEvidence = 2;

// The language with most stop words, -1 for fewer than `least` or a tie.
int Leader(const Evidence& evidence, int64_t least) {
  const auto most = std::max_element(evidence.begin(), evidence.end());
  if (*most < least ||
      std::count(evidence.begin(), evidence.end(), *most) > 1) {
    return -1;
  }
  return static_cast<int>(most - evidence.begin());
}

int IndexOf(absl::string_view code) {
  const auto it =
      std::find_if(std::begin(kLanguages), std::end(kLanguages),
                   [&](const Language& l) { return l.code == code; });
  return static_cast<int>(it - std::begin(kLanguages));
}

class Counter {
 public:
  void AddWord(Script script, const std::string& word) {
    if (script == Script::kLatin) {
      ++latin_;
      const auto it = StopWords().find(word);
      if (it == StopWords().end()) return;
      for (int i = 0; i < kNumLanguages; ++i) {
        evidence_[i] += it->second >> i & 1;
      }
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
    const int leader = Leader(evidence_, kMinSentenceEvidence);
    (leader < 0 ? undecided_ : counts_[leader]) += latin_;
    for (int i = 0; i < kNumLanguages; ++i) total_evidence_[i] += evidence_[i];
    static const int kJapanese = IndexOf("ja"), kChinese = IndexOf("zh");
    const bool is_japanese = kana_ > 0 && kana_ * 10 >= kana_ + han_;
    counts_[is_japanese ? kJapanese : kChinese] += han_;
    counts_[kJapanese] += kana_;
    all_ += latin_ + han_ + kana_ + other_;
    latin_ = han_ = kana_ = other_ = 0;
    std::fill(evidence_.begin(), evidence_.end(), 0);
  }

  WordShare Share(int target) const {
    WordShare share{counts_[target], all_};
    const bool is_latin = kLanguages[target].script == Script::kLatin;
    const int leader = Leader(total_evidence_, 1);
    if (leader == target) share.target += undecided_;
    if (leader < 0 && is_latin) share.all -= undecided_;
    return share;
  }

 private:
  // Of the sentence.
  int64_t latin_ = 0, han_ = 0, kana_ = 0, other_ = 0;
  Evidence evidence_ = Evidence(kNumLanguages);
  // Of the text.
  int64_t all_ = 0;
  int64_t undecided_ = 0;  // Latin words
  Evidence counts_ = Evidence(kNumLanguages);
  Evidence total_evidence_ = Evidence(kNumLanguages);
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
