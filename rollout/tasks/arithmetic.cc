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
  return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
}

// The quotient's places, largest first, each taken off the dividend:
// "7*10=70\n84-70=14\n7*2=14\n14-14=0\n84/7=12".
std::string LongDivision(int64_t a, int64_t b, int64_t quotient) {
  int64_t place = 1, rest = a;
  while (quotient / place >= 10) place *= 10;
  std::string lines;
  for (; place > 0; place /= 10) {
    const int64_t part = quotient / place % 10 * place;
    if (part == 0) continue;
    const int64_t product = b * part;
    absl::StrAppend(&lines, b, "*", part, "=", product, "\n", rest, "-",
                    product, "=", rest - product, "\n");
    rest -= product;
  }
  return absl::StrCat(lines, a, "/", b, "=", quotient);
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
  if (op == '/') return LongDivision(a, b, answer);
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

ArithmeticProblem MakeArithmeticProblem(const TaskSection& config, Split split,
                                        RandomSequence* random) {
  const std::string& operators = config.operators();
  for (;;) {
    ArithmeticProblem problem;
    problem.op = operators[random->NextBelow(operators.size())];
    // A product of two long numbers leaves 64 bits; halve the digits.
    const bool is_sum = problem.op == '+' || problem.op == '-';
    const int digits = is_sum ? config.digits() : (config.digits() + 1) / 2;
    problem.a = RandomOperand(digits, random);
    problem.b = RandomOperand(digits, random);
    if (problem.op == '-' && problem.a < problem.b) {
      std::swap(problem.a, problem.b);
    }
    if (problem.op == '/') {
      // Exact: the dividend is made of divisor and quotient.
      if (problem.b == 0) continue;
      problem.a *= problem.b;
    }
    problem.answer = Compute(problem.a, problem.op, problem.b);
    if (IsHeldOut(problem.Canonical()) == (split == Split::kHeldOut)) {
      return problem;
    }
  }
}

}  // namespace r1
