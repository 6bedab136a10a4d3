#include "rollout/tasks/arithmetic.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace r1 {
namespace {

int64_t RandomOperand(int digits, RandomSequence* random) {
  // Every length is as likely as any other; 12 digits need two draws.
  int64_t bound = 1;
  const int length = 1 + random->NextBelow(digits);
  for (int i = 0; i < length; ++i) bound *= 10;
  const uint64_t bits = uint64_t{random->NextBits()} << 32 | random->NextBits();
  return bits % bound;
}

int64_t Compute(int64_t a, char op, int64_t b) {
  return op == '+' ? a + b : op == '-' ? a - b : a * b;
}

}  // namespace

std::string ArithmeticProblem::Question() const {
  return absl::StrCat("What is ", a, absl::string_view(&op, 1), b, "?");
}

std::string ArithmeticProblem::Reference() const {
  return absl::StrCat("{\"answer\":\"", answer, "\"}");
}

std::string ArithmeticProblem::Canonical() const {
  return absl::StrCat("arithmetic ", a, absl::string_view(&op, 1), b);
}

std::string ArithmeticProblem::Working() const {
  // b by place values, smallest first; a meets one place at a time.
  std::vector<std::string> lines;
  int64_t place = 1, total = op == '*' ? 0 : a;
  for (int64_t rest = b; rest > 0; rest /= 10, place *= 10) {
    const int64_t part = rest % 10 * place;
    if (part == 0) continue;
    if (op == '*') {
      const int64_t product = a * part;
      lines.push_back(absl::StrCat(a, "*", part, "=", product));
      if (total > 0) {
        lines.push_back(
            absl::StrCat(total, "+", product, "=", total + product));
      }
      total += product;
    } else {
      const int64_t next = Compute(total, op, part);
      lines.push_back(
          absl::StrCat(total, absl::string_view(&op, 1), part, "=", next));
      total = next;
    }
  }
  if (lines.empty()) {
    lines.push_back(
        absl::StrCat(a, absl::string_view(&op, 1), b, "=", Compute(a, op, b)));
  }
  return absl::StrJoin(lines, "\n");
}

ArithmeticProblem MakeArithmeticProblem(const DataSection& config, Split split,
                                        RandomSequence* random) {
  std::vector<char> operators;
  for (char c : config.operators()) {
    if (c != '/') operators.push_back(c);
  }
  if (operators.empty()) operators.push_back('+');
  for (;;) {
    ArithmeticProblem problem;
    problem.op = operators[random->NextBelow(operators.size())];
    // A product of two long numbers leaves 64 bits; halve the digits.
    const int digits =
        problem.op == '*' ? (config.digits() + 1) / 2 : config.digits();
    problem.a = RandomOperand(digits, random);
    problem.b = RandomOperand(digits, random);
    if (problem.op == '-' && problem.a < problem.b) {
      std::swap(problem.a, problem.b);
    }
    problem.answer = Compute(problem.a, problem.op, problem.b);
    if (IsHeldOut(problem.Canonical()) == (split == Split::kHeldOut)) {
      return problem;
    }
  }
}

}  // namespace r1
