#include "reward/language/latin.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_split.h"

namespace r1 {
namespace {

struct Tables {
  absl::string_view code;
  // Frequent function words, folded as VisitWords does.
  absl::string_view stop_words;
  // Trigrams that are frequent, or frequent here and rare in the others, with _
  // for the edge of a word.
  absl::string_view trigrams;
};

constexpr Tables kTables[kNumLatinLanguages] = {
    {"de",
     "der die das den dem des ein eine einen einem einer eines und oder "
     "aber nicht kein keine ist sind war waren wird werden wurde hat haben "
     "hatte ich du er sie es wir ihr mich dich uns von vom zu zum zur mit "
     "bei nach aus auf an im fur uber unter durch um als wie wenn dann dass "
     "weil also so auch noch nur schon sehr mehr hier da was wer wo warum "
     "welche welcher jetzt konnen kann muss mussen soll alle dieser diese "
     "dieses man gibt zuerst in am",
     "_au _be _de _di _ei _er _fu _ge _gl _ko _un _ve _we _zu ach ahl ahr "
     "als alt and ann ass auc auf aus bei ber ch_ che chn chs cht den der "
     "die ehl ehr eib eic eih eil ein eit ell elt en_ enn er_ erd erg ern "
     "ert etz eue fol fur geb gen gib gle gt_ hab hei hen hla hle hnu ht_ "
     "hte ich ie_ ieb iel ier ige igt ine isc ist itz kei kon lgt lic lle "
     "ls_ lt_ mit nac nd_ neu ng_ nge ngs nn_ rch rde rei ren rn_ rt_ rte "
     "rzu sch sie sse sst st_ ste tei ten tz_ tze ube uch ues uf_ und ung "
     "urc urf urz ver von wei wer zah zei zel zu_ zur zwe zwo"},
    {"en",
     "the of and to in is that it was for on are as with his they be at one "
     "have this from or had by but not what all were we when your can there "
     "an each which she do how their if will up other about out many then "
     "them these so some her would make like him into has two could no than "
     "first been its who now my over did down only way find use may long "
     "little very after our just me because let know need must where since "
     "thus therefore you he should both same here get using also any more "
     "wait per every each much such those through while being does again "
     "most us am",
     "_be _ca _fr _if _kn _of _sh _th _to _wh _wi _wo _yo abl ach ack ake "
     "all ame and any ate ati ay_ bee ble by_ can ch_ ck_ cy_ day dd_ ds_ "
     "ea_ eac ead ear eas eat eck ed_ eed een ers ery ess ew_ ey_ ght gs_ "
     "hat he_ hen her his hou how if_ igh ill ily ing ion is_ ith ity ive "
     "ke_ ks_ ld_ les ll_ lly low ls_ ly_ ms_ my_ nd_ ned ng_ ngs ngt nly "
     "not now ny_ ock of_ ome onl oo_ ook ool oot ord ore ork ose ot_ oth "
     "oul oun ous out ove ow_ own ps_ rd_ rea rom rs_ ry_ sh_ sic tch ted "
     "tha the thi ths tio to_ ts_ ty_ ugh uld um_ une ure ut_ ve_ way whe "
     "whi wit wn_ wor xt_ you"},
    {"es",
     "el los las una unos unas del al pero que porque como cuando donde "
     "quien cual es son era eran fue sera ser estar esta estan este esto "
     "estos ese eso yo ella nosotros ellos mi su sus lo le les se nos con "
     "sin por para sobre entre desde hasta muy mas menos tambien ya hay "
     "tiene tenemos hacer puede podemos entonces ahora primero todo todos "
     "cada otro si asi luego debe de la en un no me te ni sino",
     "_el _es _ha _ju _ll _lo _no _qu _se aci ad_ ada ado aho ajo al_ alg "
     "ana ane ano ar_ ara as_ ay_ bie ble ces cho cia cio cto cua dad del "
     "die do_ dor dos ech ecu eda ede eja el_ ell emo enc ene eno ent era "
     "ero est ez_ gun hor ia_ ias ibl ici ida iem ien ier igu ije ili ion "
     "ios isp ito iva ivo iza ja_ jar jo_ las le_ lgu lla lle llo los me_ "
     "mer mos nci ndo nes no_ nte nto nue oci on_ one or_ os_ par pie por "
     "pue que ra_ rch res rim rue se_ sig spo sta tie to_ tra ual uar ue_ "
     "ued uel uen uer ues uev uie ume una uno usa zad zar"},
    {"fr",
     "le la les un une des du et ou mais donc que qui quoi dont ou est sont "
     "etait etaient sera etre avoir ai avons avez ont je il elle nous vous "
     "ils elles ce cet cette ces mon ma mes son sa ses leur leurs au aux "
     "avec sans pour par sur sous dans entre vers chez ne pas plus moins "
     "tres aussi deja si comme quand alors puis ainsi car faut peut fait "
     "tout tous chaque autre on en maintenant de se me",
     "_au _av _de _en _le _po _qu _un ain air ais ait anc ans ant as_ ati "
     "aut aux ave ble ces cet chi cri cti dan de_ des dis eau ec_ ect ee_ "
     "ees ell eme emp en_ eni ent er_ eri es_ est et_ ett eur eut euv eux "
     "exi ez_ ffi fic ger gne hie ibl ich ien ier ifi ill ine ion iqu ire "
     "is_ ise iss it_ iti le_ les lez lis lle men mme mod nce ndi ne_ nne "
     "nou ns_ nt_ nts oir ois oit oix omm on_ onn ons ont ort oup our ous "
     "out ouv par pas plu pou pui que qui re_ ree rem rep rou san sen ser "
     "son sse ssi tes tio tou tre tte ue_ uel ui_ uis uit une ur_ ure us_ "
     "uve ux_ vec ver voi xis"},
    {"it",
     "il lo gli uno una dei degli delle del della dello al alla alle nel "
     "nella sul sulla ed ma che chi cui come quando dove perche sono era "
     "erano sara essere avere ho abbiamo hanno io lui lei noi loro mio suo "
     "questo questa questi queste quello quella con senza per tra fra da "
     "dal dalla non piu meno molto anche gia si se cosi allora quindi poi "
     "dunque ora prima tutto tutti ogni altro puo possiamo dobbiamo di la "
     "le un in mi ci ai nei",
     "_ch _di _gl _il ale ali all amo ano are ata ato att azi bil ca_ cce "
     "cch cci che chi ci_ cio co_ com con dal del di_ din dop ei_ ell eni "
     "ent enz ere eri erm ero erv ess ett ezz fun gge ggi gio giu gli gni "
     "gua he_ hia ia_ iam ibi ici igi il_ ile ime ion ire isc ite ito izi "
     "izz la_ le_ li_ lic lla llo lo_ ma_ man mi_ mo_ na_ ndo ne_ nel ni_ "
     "no_ non nte nto nza ogn ome one ono opo ore orm oss ott per pos pre "
     "pri qua rdi re_ ri_ rim sce sci sen si_ ssa sse ssi sso sta sto sul "
     "ta_ te_ ti_ to_ tta tte tti tto tut ual uan una uno uto utt va_ ven "
     "vi_ zar zi_ zio zza"},
    {"nl",
     "de het een en of maar niet geen is zijn was waren wordt worden werd "
     "heeft hebben had ik jij je hij zij ze wij we jullie hun haar mijn van "
     "voor met bij naar uit op aan in om te over onder door als dan dat dit "
     "die deze wat wie waar waarom hoe ook nog al alleen zeer meer hier er "
     "nu dus want omdat kan kunnen moet moeten alle elk andere eerst zo mij",
     "_ee _ge _he _om _op _ui _va _ve _wa _wo _zo aak aal aam aan aar aat "
     "agt an_ ans ard bru cht der dez doe doo dt_ ebr ede edr ee_ eeg eek "
     "eel eem een eer eft ege eid eke ekt eld ele elk els en_ end erd erk "
     "ers et_ eur euw eve evo eze ft_ gee gel gen gev gge gro hee het hte "
     "iet ij_ ijd ijf ijg ijk ijn ijs jaa jke kan ke_ kee kel ken kke kt_ "
     "lij lke lle maa naa nd_ nde ndt nge nie oe_ oed oef oeg oek oen oep "
     "oet ond ooi ook oon oor oot op_ ord oud ouw rde rdt ren rie rij rk_ "
     "rui sch ste te_ tek ten tij tte twe uik uis uit uwe van vee ver vol "
     "voo wee wer wij wor ze_ zel zen zij"},
    {"pt",
     "os as um uma uns umas do da dos das no na nos nas ao aos ou mas que "
     "porque como quando onde quem qual sao era eram foi sera ser estar "
     "esta estao este isto esse isso eu ele ela nos eles meu seu sua seus "
     "com sem por pelo pela para sobre entre desde ate muito mais menos "
     "tambem ja ha tem temos fazer pode podemos entao agora primeiro tudo "
     "todos cada outro se assim nao voce deve de em me",
     "_da _do _em _na _no _qu _sa _se _um aca ade ado age ais alh am_ ao_ "
     "aos ar_ ara as_ cad cao cia coe com cur da_ dad das dep do_ dor dos "
     "eco ecu ei_ eir eis ela ele elo em_ ens ent epo erm ero es_ ess est "
     "eu_ exe fal faz fic gem ian ica ida ilh im_ inh ira iro iss ita ito "
     "iva ivo iza lha lhe lho lic mai mei mos mpo nao nci ndo nha nho no_ "
     "nte nto oce oda odo oes oi_ ois om_ onf ort os_ oss ou_ par pel por "
     "qua que ram re_ rei res rqu sao se_ seu ssa sso sua tad te_ tem ter "
     "to_ tod tra ual ue_ uir uiv um_ uma ume vel ver vez voc xce zad zar"},
};

// A set of languages, by bit.
using LanguageSet = uint8_t;
static_assert(kNumLatinLanguages <= 8);

const absl::flat_hash_map<absl::string_view, LanguageSet>& StopWords() {
  static const auto& words = *[] {
    auto* map = new absl::flat_hash_map<absl::string_view, LanguageSet>;
    for (size_t i = 0; i < kNumLatinLanguages; ++i) {
      for (const absl::string_view word :
           absl::StrSplit(kTables[i].stop_words, ' ')) {
        (*map)[word] |= 1 << i;
      }
    }
    return map;
  }();
  return words;
}

constexpr int kNumLetters = 27;  // with the edge of a word
constexpr int kNoLetter = kNumLetters * kNumLetters * kNumLetters;

// _ is 0, a to z are 1 to 26; kNoLetter for others, which no trigram has.
int LetterIndex(char c) {
  if (c == '_') return 0;
  return c >= 'a' && c <= 'z' ? c - 'a' + 1 : kNoLetter;
}

// Position in Trigrams(); kNoLetter or more where there is none.
int TrigramIndex(int a, int b, int c) {
  return (a * kNumLetters + b) * kNumLetters + c;
}

const std::vector<LanguageSet>& Trigrams() {
  static const auto& sets = *[] {
    auto* sets = new std::vector<LanguageSet>(kNoLetter);
    for (size_t i = 0; i < kNumLatinLanguages; ++i) {
      for (const absl::string_view t :
           absl::StrSplit(kTables[i].trigrams, ' ')) {
        (*sets)[TrigramIndex(LetterIndex(t[0]), LetterIndex(t[1]),
                             LetterIndex(t[2]))] |= 1 << i;
      }
    }
    return sets;
  }();
  return sets;
}

// A trigram of one language is worth kTrigram points to it, one of several an
// equal part to each, without a remainder.
constexpr int64_t kTrigram = 420;
// A word without any other meaning is worth more.
constexpr int64_t kStopWord = 3 * kTrigram;
// What a language needs: so many points at all and for each trigram of the
// words (other languages have less), and so much more than the next, in
// percent. tests/reward/language_test.cc has what they make of twenty sentences
// of each language, and of others.
constexpr int64_t kLeast = kStopWord;
constexpr int64_t kLeastEach = kTrigram * 15 / 100;
constexpr int64_t kMarginPercent = 15;

}  // namespace

absl::Span<const absl::string_view> LatinLanguages() {
  static const auto& codes = *[] {
    auto* codes = new std::vector<absl::string_view>;
    for (const Tables& tables : kTables) codes->push_back(tables.code);
    return codes;
  }();
  return codes;
}

void LatinEvidence::AddWord(absl::string_view word) {
  const auto it = StopWords().find(word);
  if (it != StopWords().end()) {
    for (size_t i = 0; i < kNumLatinLanguages; ++i) {
      points_[i] += (it->second >> i & 1) * kStopWord;
    }
  }
  const std::vector<LanguageSet>& trigrams = Trigrams();
  int before = LetterIndex('_'), here = LetterIndex(word[0]);
  for (size_t at = 1; at <= word.size(); ++at) {
    const int after = LetterIndex(at < word.size() ? word[at] : '_');
    const int index = TrigramIndex(before, here, after);
    ++num_trigrams_;
    before = here;
    here = after;
    if (index >= kNoLetter || trigrams[index] == 0) continue;
    const LanguageSet set = trigrams[index];
    const int64_t part = kTrigram / __builtin_popcount(set);
    for (size_t i = 0; i < kNumLatinLanguages; ++i) {
      points_[i] += (set >> i & 1) * part;
    }
  }
}

void LatinEvidence::Add(const LatinEvidence& other) {
  for (size_t i = 0; i < kNumLatinLanguages; ++i) {
    points_[i] += other.points_[i];
  }
  num_trigrams_ += other.num_trigrams_;
}

int LatinEvidence::Decide() const {
  auto sorted = points_;
  std::sort(sorted.rbegin(), sorted.rend());
  const int64_t most = sorted[0], next = sorted[1];
  if (most < kLeast || most < kLeastEach * num_trigrams_ ||
      (most - next) * 100 < kMarginPercent * most) {
    return -1;
  }
  return static_cast<int>(std::find(points_.begin(), points_.end(), most) -
                          points_.begin());
}

}  // namespace r1
