// Contest problems with a right and a wrong solution each, on all their tests.
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "reward/code/code_verifier.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

struct Contest {
  const char* id;
  const char* language;
  const char* right;
  const char* wrong;
  const char* checker;  // Python; "" = compare tokens
};

constexpr Contest kContests[] = {
    // Strange Matrix: a row can be walked if no element is below its left
    // neighbour; the costs telescope.
    {"cc-1", "python", R"(
import sys
data = sys.stdin.read().split()
n, m, p = map(int, data[:3])
rows = [{} for _ in range(n + 1)]
for k in range(p):
    i, j = int(data[3 + 2 * k]), int(data[4 + 2 * k])
    rows[i][j] = rows[i].get(j, 0) + 1
for row in rows[1:]:
    falls = any(j < m and c > 1 + row.get(j + 1, 0) for j, c in row.items())
    print(-1 if falls else m - 1 + row.get(m, 0) - row.get(1, 0))
)",
     R"(
import sys
data = sys.stdin.read().split()
n, m, p = map(int, data[:3])
rows = [{} for _ in range(n + 1)]
for k in range(p):
    i, j = int(data[3 + 2 * k]), int(data[4 + 2 * k])
    rows[i][j] = rows[i].get(j, 0) + 1
for row in rows[1:]:
    print(m - 1 + row.get(m, 0) - row.get(1, 0))
)",
     ""},
    // Digit Jump: breadth first; each digit's places are left at once.
    {"cc-2", "python", R"(
s = input().strip()
places = {}
for i, c in enumerate(s): places.setdefault(c, []).append(i)
steps = [-1] * len(s)
steps[0] = 0
queue = [0]
for i in queue:
    for j in [i - 1, i + 1] + places.pop(s[i], []):
        if 0 <= j < len(s) and steps[j] < 0:
            steps[j] = steps[i] + 1
            queue.append(j)
print(steps[-1])
)",
     "s = input().strip()\nprint(len(s) - 1 if s[0] != s[-1] else 1)\n", ""},
    // Codehorses T-shirts: sizes of one length differ in one letter.
    {"cc-3", "cpp", R"(
#include <bits/stdc++.h>
int main() {
  int n, missing = 0;
  std::cin >> n;
  std::map<std::string, int> count;
  std::string s;
  for (int i = 0; i < n; ++i) std::cin >> s, ++count[s];
  for (int i = 0; i < n; ++i) std::cin >> s, missing += --count[s] < 0;
  std::cout << missing;
}
)",
     R"(
#include <bits/stdc++.h>
int main() {
  int n, differing = 0;
  std::cin >> n;
  std::vector<std::string> a(n), b(n);
  for (auto& s : a) std::cin >> s;
  for (auto& s : b) std::cin >> s;
  for (int i = 0; i < n; ++i) differing += a[i] != b[i];
  std::cout << differing;
}
)",
     ""},
    // Weakened Common Divisor: any of several answers, so a checker.
    {"cc-4", "python", R"(
import sys
data = list(map(int, sys.stdin.read().split()))
pairs = list(zip(data[1::2], data[2::2]))
def primes(x):
    p = 2
    while p * p <= x:
        if x % p == 0:
            yield p
            while x % p == 0: x //= p
        p += 1
    if x > 1: yield x
for p in set(primes(pairs[0][0])) | set(primes(pairs[0][1])):
    if all(a % p == 0 or b % p == 0 for a, b in pairs):
        print(p)
        break
else:
    print(-1)
)",
     "print(-1)\n", R"(
import sys
lines = open(sys.argv[1]).read().split('\n')[1:]
pairs = [tuple(map(int, line.split())) for line in lines if line.strip()]
got = int(open(sys.argv[2]).read())
want = int(open(sys.argv[3]).read())
if got == -1:
    is_right = want == -1
else:
    is_right = got > 1 and all(a % got == 0 or b % got == 0 for a, b in pairs)
sys.exit(0 if is_right else 1)
)"},
    // Edgy Trees: all sequences less those inside one red component.
    {"cc-9", "cpp", R"(
#include <bits/stdc++.h>
std::vector<int> parent;
int Find(int x) { return parent[x] == x ? x : parent[x] = Find(parent[x]); }
int main() {
  const long long mod = 1000000007;
  int n, k;
  std::cin >> n >> k;
  parent.resize(n);
  std::iota(parent.begin(), parent.end(), 0);
  for (int i = 0; i + 1 < n; ++i) {
    int u, v, x;
    std::cin >> u >> v >> x;
    if (x == 0) parent[Find(u - 1)] = Find(v - 1);
  }
  std::map<int, int> sizes;
  for (int i = 0; i < n; ++i) ++sizes[Find(i)];
  const auto power = [&](long long b) {
    long long r = 1;
    for (int i = 0; i < k; ++i) r = r * b % mod;
    return r;
  };
  long long answer = power(n);
  for (auto [root, size] : sizes) answer = (answer - power(size) + mod) % mod;
  std::cout << answer;
}
)",
     R"(
#include <bits/stdc++.h>
int main() {
  long long n, k, r = 1;
  std::cin >> n >> k;
  for (int i = 0; i < k; ++i) r = r * n % 1000000007;
  std::cout << r;
}
)",
     ""},
    // MP3: the fullest window of 2^k neighbouring values stays.
    {"cc-12", "python", R"(
import sys
from collections import Counter
data = list(map(int, sys.stdin.read().split()))
n, size = data[:2]
counts = [c for _, c in sorted(Counter(data[2:2 + n]).items())]
width = min(len(counts), 1 << min(20, 8 * size // n))
best = window = sum(counts[:width])
for i in range(width, len(counts)):
    window += counts[i] - counts[i - width]
    best = max(best, window)
print(n - best)
)",
     R"(
import sys
from collections import Counter
data = list(map(int, sys.stdin.read().split()))
n, size = data[:2]
counts = sorted(Counter(data[2:2 + n]).values(), reverse=True)
print(n - sum(counts[:1 << min(20, 8 * size // n)]))
)",
     ""},
};

std::map<std::string, Json> Problems() {
  std::map<std::string, Json> problems;
  std::ifstream in(R1_SOURCE_DIR "/tests/data/contests.jsonl");
  for (std::string line; std::getline(in, line);) {
    Json problem = Json::parse(line);
    problems[problem["id"]] = problem;
  }
  return problems;
}

Json ReferenceOf(const Contest& contest, const Json& problem) {
  Json reference = {{"language", contest.language}, {"cpu_ms", 5000}};
  for (const Json& test : problem["tests"]) {
    reference["stdin_tests"].push_back(
        Json::array({test["stdin"], test["stdout"]}));
  }
  if (contest.checker[0] != '\0') {
    reference["checker"] = {{"language", "python"},
                            {"source", contest.checker}};
  }
  return reference;
}

TEST(ContestTest, RightSolutionsPassAllTestsAndWrongOnesDoNot) {
  const auto problems = Problems();
  const auto verifier = CodeVerifier::Start(CodeHost());
  if (!verifier.ok()) GTEST_SKIP() << "needs a machine whose sandbox starts";
  for (const Contest& contest : kContests) {
    const auto reference = ParseCodeReference(
        ReferenceOf(contest, problems.at(contest.id)).dump(), RunLimits());
    ASSERT_TRUE(reference.ok()) << reference.status();
    const Judgement right =
        (*verifier)->Judge(*reference, contest.right, absl::InfiniteFuture());
    EXPECT_EQ(right.verdict, Verdict::kOk) << contest.id << right.detail;
    EXPECT_EQ(right.num_passed, right.num_tests) << contest.id;
    EXPECT_EQ(right.num_tests, 40) << contest.id;
    const Judgement wrong =
        (*verifier)->Judge(*reference, contest.wrong, absl::InfiniteFuture());
    EXPECT_EQ(wrong.verdict, Verdict::kWrongAnswer)
        << contest.id << wrong.detail;
  }
}

}  // namespace
}  // namespace r1
