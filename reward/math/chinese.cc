#include "reward/math/chinese.h"

#include <utility>

#include "absl/strings/match.h"

namespace r1::math {

Character FindChineseWord(absl::string_view text, bool after_amount) {
  using Word = std::pair<absl::string_view, absl::string_view>;
  static constexpr Word kConnectors[] = {
      {"或者", " or "}, {"或", " or "},  {"且", " and "},
      {"和", " and "},  {"与", " and "}, {"及", " and "},
  };
  // The longer ones first.
  static constexpr Word kUnits[] = {
      {"平方厘米", " square cm"},
      {"平方分米", " square dm"},
      {"平方千米", " square km"},
      {"平方公里", " square km"},
      {"平方毫米", " square mm"},
      {"平方米", " square meters"},
      {"立方厘米", " cubic cm"},
      {"立方分米", " cubic dm"},
      {"立方毫米", " cubic mm"},
      {"立方米", " cubic meters"},
      {"厘米", " cm"},
      {"毫米", " mm"},
      {"分米", " dm"},
      {"千米", " km"},
      {"公里", " km"},
      {"米", " meters"},
      {"千克", " kg"},
      {"公斤", " kg"},
      {"毫克", " mg"},
      {"克", " grams"},
      {"吨", " tons"},
      {"毫升", " ml"},
      {"升", " liters"},
      {"小时", " hours"},
      {"分钟", " minutes"},
      {"秒", " seconds"},
      {"星期", " weeks"},
      {"周", " weeks"},
      {"个月", " months"},
      {"天", " days"},
      {"日元", " yen"},
      {"日", " days"},
      {"年", " years"},
      {"美元", " dollars"},
      {"欧元", " euros"},
      {"英镑", " sterling"},
      {"卢比", " rupees"},
      {"元", " yuan"},
      {"度", " degrees"},
      {"每", "/"},
      {"万", "\\times 10^{4}"},
      {"亿", "\\times 10^{8}"},
  };
  static constexpr absl::string_view kCounters[] = {
      "个", "只", "条", "张", "本", "支", "人", "名", "次", "种",
      "件", "块", "头", "匹", "辆", "台", "座", "棵", "朵", "位",
      "颗", "粒", "片", "套", "组", "岁", "页", "题", "道", "步",
      "盒", "箱", "瓶", "杯", "袋", "枚", "根", "层", "排", "行",
      "列", "间", "份", "堆", "圈", "点", "分", "倍", "场", "班",
  };
  for (const auto& [word, latex] : kConnectors) {
    if (absl::StartsWith(text, word)) {
      return {static_cast<int>(word.size()), latex};
    }
  }
  if (!after_amount) return {};
  for (const auto& [word, latex] : kUnits) {
    if (absl::StartsWith(text, word)) {
      return {static_cast<int>(word.size()), latex};
    }
  }
  for (const absl::string_view word : kCounters) {
    if (absl::StartsWith(text, word))
      return {static_cast<int>(word.size()), ""};
  }
  return {};
}

int CircledNumber(absl::string_view text) {
  // U+2460 to U+2473.
  if (!absl::StartsWith(text, "\xe2\x91") || text.size() < 3) return 0;
  const int number = static_cast<unsigned char>(text[2]) - 0xa0 + 1;
  return number >= 1 && number <= 20 ? number : 0;
}

bool HasCircledNumber(absl::string_view text) {
  for (; !text.empty(); text.remove_prefix(1)) {
    if (CircledNumber(text) > 0) return true;
  }
  return false;
}

}  // namespace r1::math
