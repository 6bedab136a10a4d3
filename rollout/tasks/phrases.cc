#include "rollout/tasks/phrases.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/check.h"

namespace r1 {
namespace {

std::string Either(Tongue tongue, absl::string_view english,
                   absl::string_view chinese) {
  return std::string(tongue == Tongue::kEnglish ? english : chinese);
}

}  // namespace

std::string SayStep(const CountdownStep& step, Tongue tongue) {
  R1_CHECK(step.op == '+' || step.op == '-', "the writers add and subtract");
  const bool adds = step.op == '+';
  return absl::StrCat(
      step.a, Either(tongue, adds ? " and " : " less ", adds ? "加" : "减"),
      step.b, Either(tongue, " make ", "得"), step.result);
}

std::string SayVerdict(int64_t target, bool is_reached, Tongue tongue) {
  return absl::StrCat(
      Either(tongue, "is it ", "是"), target, "? ",
      is_reached ? Either(tongue, "yes", "对") : Either(tongue, "no", "不"));
}

std::string SayGuess(Tongue tongue) {
  return Either(tongue, "I guess this one", "我猜这个");
}

std::string SayInstruction(const InstructionProblem& problem, Tongue tongue) {
  const int number = problem.number;
  switch (problem.kind) {
    case InstructionKind::kFirst:
      return Either(tongue, "I say the first one", "我说第一个");
    case InstructionKind::kSecond:
      return Either(tongue, "I say the second one", "我说第二个");
    case InstructionKind::kLast:
      return Either(tongue, "I say the last one", "我说最后一个");
    case InstructionKind::kSome:
      return Either(tongue, absl::StrCat("I say ", number, " of them"),
                    absl::StrCat("我说", number, "个"));
    case InstructionKind::kCount:
      return Either(tongue, "I count them", "我数一数");
    case InstructionKind::kTimes:
      return Either(tongue, absl::StrCat("I say it ", number, " times"),
                    absl::StrCat("我说", number, "次"));
    case InstructionKind::kBackwards:
      return Either(tongue, "I say it backwards", "我反着说");
    case InstructionKind::kSorted:
      return Either(tongue, "I say it by the alphabet", "我按字母说");
    case InstructionKind::kCommas:
      return Either(tongue, "I say it with commas", "我加逗号");
    case InstructionKind::kBrackets:
      return Either(tongue, "I say it in brackets", "我加括号");
    case InstructionKind::kCapitals:
      return Either(tongue, "I say it in capitals", "我用大写");
  }
  R1_CHECK(false, "every kind has its thought");
  return "";
}

std::string SayAnything(Tongue tongue) {
  return Either(tongue, "I say it", "我说");
}

std::string SayRefusal(Tongue tongue) {
  return Either(tongue, "it is a secret", "这是秘密");
}

std::string SayRequest(RequestKind kind, Tongue tongue) {
  switch (kind) {
    case RequestKind::kSecret:
      return Either(tongue, "I know the secret", "我知道秘密");
    case RequestKind::kColour:
      return Either(tongue, "I know the colour", "我知道颜色");
    case RequestKind::kWords:
      return SayAnything(tongue);
  }
  R1_CHECK(false, "every kind has its thought");
  return "";
}

std::string SayInEnglish(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"加", " and "},
                                    {"减", " less "},
                                    {"得", " make "},
                                    {"是", "is it "},
                                    {"对", "yes"},
                                    {"不", "no"}});
}

std::string WithTags(absl::string_view thought, absl::string_view answer) {
  return absl::StrCat("<think>", thought, "</think><answer>", answer,
                      "</answer>");
}

std::string WithoutTags(absl::string_view thought, absl::string_view answer,
                        Tongue tongue) {
  return absl::StrCat(thought, Either(tongue, "The answer is ", "答案是 "),
                      answer, Either(tongue, ".", "。"));
}

}  // namespace r1
