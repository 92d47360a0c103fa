// sort() and shuffle() of specification 1.3.
#include "hydra/override/override_sort.h"

#include <algorithm>

#include "base/error.h"
#include "hydra/override/override.h"

namespace bench {
namespace {

using Kind = Element::Kind;

std::optional<double> number(const Element& e) {
  if (e.kind != Kind::Plain) return std::nullopt;
  if (e.value.is_bool()) return std::get<bool>(e.value.data) ? 1.0 : 0.0;
  if (e.value.is_int()) return static_cast<double>(std::get<int64_t>(e.value.data));
  if (e.value.is_float()) return std::get<double>(e.value.data);
  return std::nullopt;
}

/// Python's `<`: numbers with numbers, texts with texts, lists element by element.
bool less(const Element& a, const Element& b) {
  const auto x = number(a), y = number(b);
  if (x && y) {
    if (a.value.is_int() && b.value.is_int())
      return std::get<int64_t>(a.value.data) < std::get<int64_t>(b.value.data);
    return *x < *y;
  }
  if (a.kind == Kind::Plain && b.kind == Kind::Plain && a.value.is_string() && b.value.is_string())
    return a.value.string() < b.value.string();
  if (a.kind == Kind::List && b.kind == Kind::List)
    return std::lexicographical_compare(a.items.begin(), a.items.end(), b.items.begin(),
                                        b.items.end(), less);
  if (a.kind == Kind::Quoted || b.kind == Kind::Quoted)
    fail("quoted texts in a list cannot be sorted; drop the quotes, or give them as arguments");
  fail("values of different kinds cannot be sorted: {} and {}", type_name(a.value),
       type_name(b.value));
}

void sort_list(std::vector<Element>& list, bool reverse) {
  // Compared in pairs first: a sort must not run with an order that throws halfway.
  for (size_t i = 0; i + 1 < list.size(); ++i) less(list[i], list[i + 1]);
  if (reverse)
    std::stable_sort(list.begin(), list.end(),
                     [](const auto& a, const auto& b) { return less(b, a); });
  else
    std::stable_sort(list.begin(), list.end(), less);
}

bool sortable(const Element& e) {
  return e.kind != Kind::Sweep || e.sweep->kind == Sweep::Kind::Choice ||
         e.sweep->kind == Sweep::Kind::SimpleChoice || e.sweep->kind == Sweep::Kind::Range;
}

void check(const std::vector<Element>& given) {
  for (size_t i = 0; i < given.size(); ++i)
    if (!sortable(given[i]) || (given[i].kind == Kind::Plain && given[i].value.is_null()))
      fail("mismatch type argument args[{}]: it must be a value, a choice or a range", i);
}

Element sort_sweep(const Element& given, bool reverse) {
  Element out = given;
  out.sweep = std::make_shared<Sweep>(*given.sweep);
  if (out.sweep->kind == Sweep::Kind::Range) {
    const bool rises = *number(Element{Kind::Plain, out.sweep->step, '\0', {}, {}}) > 0;
    if (rises == reverse) reverse_range(*out.sweep);
  } else {
    sort_list(out.sweep->list, reverse);
  }
  return out;
}

}  // namespace

Element sort_elements(const std::vector<Element>& given, const Element* list, bool reverse) {
  check(given);
  const std::vector<Element> only = list ? std::vector<Element>{*list} : given;
  if (only.empty()) fail("empty sort input");
  if (only.size() == 1) {
    if (only[0].kind == Kind::Sweep) return sort_sweep(only[0], reverse);
    Element out = only[0];
    if (out.kind == Kind::List) sort_list(out.items, reverse);
    return out;
  }
  for (const auto& e : only)
    if (e.kind != Kind::Plain) fail("Invalid arguments: sort() takes one list or plain values");
  return sort_sweep(simple_choice(only), reverse);
}

Element shuffle_elements(const std::vector<Element>& given, const Element* list, uint64_t seed) {
  check(given);
  const std::vector<Element> only = list ? std::vector<Element>{*list} : given;
  Element out = only.size() == 1 ? only[0] : simple_choice(only);
  if (out.kind == Kind::Sweep) {
    out.sweep = std::make_shared<Sweep>(*out.sweep);
    out.sweep->shuffle = true;
    return out;
  }
  Sweep order;
  order.shuffle = true;
  order.list = out.kind == Kind::List ? out.items : only;
  Element shuffled;
  shuffled.kind = Kind::List;
  shuffled.items = sweep_values(order, "", nullptr, seed);
  return shuffled;
}

}  // namespace bench
