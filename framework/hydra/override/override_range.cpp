// Ranges and what a sweep enumerates (hydra core/override_parser/types.py).
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "hydra/override/override.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

__extension__ typedef __int128 Wide;

/// A number as it is printed: digits * 10^exponent. Python's ranges of floats count in these, so
/// that range(0,1,0.1) has no 0.30000000000000004.
struct Decimal {
  Wide digits = 0;
  int exponent = 0;
};

Decimal decimal(const Value& number) {
  if (number.is_bool()) return {std::get<bool>(number.data) ? 1 : 0, 0};
  if (number.is_int()) return {std::get<int64_t>(number.data), 0};
  const double d = std::get<double>(number.data);
  if (!std::isfinite(d)) fail("a range needs finite numbers, got {}", python_float(d));
  Decimal result;
  const auto text = python_float(d);
  const auto e = std::min(text.find('e'), text.size());
  for (size_t i = 0; i < e; ++i) {
    if (text[i] >= '0' && text[i] <= '9') result.digits = result.digits * 10 + (text[i] - '0');
    if (text[i] == '.') result.exponent = static_cast<int>(i) + 1 - static_cast<int>(e);
  }
  if (e < text.size()) result.exponent += std::stoi(text.substr(e + 1));
  if (text[0] == '-') result.digits = -result.digits;
  while (result.digits != 0 && result.digits % 10 == 0) result.digits /= 10, ++result.exponent;
  return result;
}

Wide scaled(Decimal d, int exponent) {
  if (d.digits == 0) return 0;
  if (d.exponent - exponent > 18) fail("the numbers of a range differ by more than 18 digits");
  for (; d.exponent > exponent; --d.exponent) d.digits *= 10;
  return d.digits;
}

double to_double(Wide digits, int exponent) {
  // Both are exact in a double then, so that one division or product rounds correctly.
  static const double kTens[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const Wide exact = Wide(1) << 53;
  if (-exact <= digits && digits <= exact && std::abs(exponent) <= 22) {
    const auto whole = static_cast<double>(digits), tens = kTens[std::abs(exponent)];
    return exponent < 0 ? whole / tens : whole * tens;
  }
  std::string text;
  const bool negative = digits < 0;
  for (Wide rest = negative ? -digits : digits; rest != 0 || text.empty(); rest /= 10)
    text += static_cast<char>('0' + static_cast<int>(rest % 10));
  if (negative) text += '-';
  std::reverse(text.begin(), text.end());
  return parse_float(text + "e" + std::to_string(exponent)).value();
}

struct Scaled {
  Wide start, stop, step;
  int exponent;
  Wide count() const {
    const Wide span = stop - start;
    if ((span > 0) != (step > 0) || span == 0) return 0;
    return (span + step - (step > 0 ? 1 : -1)) / step;
  }
};

Scaled scale(const Sweep& range) {
  const Decimal all[] = {decimal(range.start), decimal(range.stop), decimal(range.step)};
  Scaled s{};
  s.exponent = 0;
  bool first = true;
  for (const auto& d : all)
    if (d.digits != 0)
      s.exponent = first ? d.exponent : std::min(s.exponent, d.exponent), first = false;
  s.start = scaled(all[0], s.exponent);
  s.stop = scaled(all[1], s.exponent);
  s.step = scaled(all[2], s.exponent);
  if (s.step == 0) fail("the step of a range may not be 0");
  if (s.count() > kMaxSweepValues) fail("the range has more than {} values", kMaxSweepValues);
  return s;
}

bool all_ints(const Sweep& range) {
  return !range.start.is_float() && !range.stop.is_float() && !range.step.is_float();
}

int64_t whole(Wide digits, int exponent) {
  for (; exponent > 0; --exponent) digits *= 10;
  return static_cast<int64_t>(digits);
}

/// SplitMix64 (Steele, Lea, Flood 2014): a stream that is the same on every machine.
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

}  // namespace

std::vector<Value> range_values(const Sweep& range) {
  const auto s = scale(range);
  std::vector<Value> values;
  for (Wide i = 0, n = s.count(); i < n; ++i) {
    const Wide at = s.start + i * s.step;
    if (all_ints(range))
      values.emplace_back(whole(at, s.exponent));
    else
      values.emplace_back(to_double(at, s.exponent));
  }
  return values;
}

void reverse_range(Sweep& range) {
  auto s = scale(range);
  const Wide count = s.count();
  if (count < 2) return;
  const Wide last = s.start + (count - 1) * s.step;
  if (all_ints(range)) {
    range.stop = whole(s.start - s.step, s.exponent);
    range.start = whole(last, s.exponent);
    range.step = whole(-s.step, s.exponent);
    return;
  }
  // Half a step behind the last value: rounding can then neither lose nor add one.
  range.stop = to_double(s.start * 10 - s.step * 5, s.exponent - 1);
  range.start = to_double(last, s.exponent);
  range.step = to_double(-s.step, s.exponent);
}

std::vector<Element> sweep_values(const Sweep& sweep, const std::string& group,
                                  const Options& options, uint64_t seed) {
  std::vector<Element> values;
  switch (sweep.kind) {
    case Sweep::Kind::Choice:
    case Sweep::Kind::SimpleChoice:
      values = sweep.list;
      break;
    case Sweep::Kind::Range:
      for (auto& number : range_values(sweep)) {
        Element e;
        e.value = std::move(number);
        values.push_back(std::move(e));
      }
      break;
    case Sweep::Kind::Interval:
      fail(
          "BasicSweeper does not support sweep type : INTERVAL_SWEEP; an interval cannot be "
          "enumerated, use range() or choice()");
    case Sweep::Kind::Glob:
      for (const auto& name : options(group)) {
        const auto any = [&](const std::vector<std::string>& patterns) {
          return std::any_of(patterns.begin(), patterns.end(),
                             [&](const auto& p) { return matches_glob(name, p); });
        };
        if (!any(sweep.include) || any(sweep.exclude)) continue;
        Element e;
        e.value = name;
        values.push_back(std::move(e));
      }
      if (values.empty())
        fail("glob() finds no configuration of a group '{}': a sweep without a value runs nothing",
             group);
      break;
  }
  if (sweep.shuffle)
    for (size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[next_random(seed) % i]);
  return values;
}

bool matches_glob(const std::string& text, const std::string& pattern) {
  size_t t = 0, p = 0, star = std::string::npos, mark = 0;
  // One class "[...]": its end, and whether it holds the character; no ']': a plain '['.
  const auto in_class = [&](size_t from, char c, size_t& end) {
    const bool negated = from + 1 < pattern.size() && pattern[from + 1] == '!';
    const size_t begin = from + (negated ? 2 : 1);
    end = pattern.find(']', begin + 1);
    if (begin >= pattern.size() || end == std::string::npos) {
      end = from;
      return c == '[';
    }
    bool found = false;
    for (size_t i = begin; i < end; ++i) {
      if (i + 2 < end && pattern[i + 1] == '-') {
        found = found || (pattern[i] <= c && c <= pattern[i + 2]);
        i += 2;
      } else {
        found = found || pattern[i] == c;
      }
    }
    return found != negated;
  };
  while (t < text.size()) {
    size_t end = p;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == '['
                   ? in_class(p, text[t], end)
                   : p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      p = end + 1;
      ++t;
    } else if (star != std::string::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace bench
