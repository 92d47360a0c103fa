// criteria: what is registered, by what it takes and where it comes from.
#include <fmt/ranges.h>

#include <iostream>

#include "base/near.h"
#include "core/method.h"
#include "core/stage.h"
#include "core/task.h"
#include "engine/verbs.h"

namespace bench::engine {
namespace {

/// One registered name with the values that terms are held against.
struct Entry {
  std::string kind, name, doc, source;
  std::map<std::string, std::vector<std::string>> values;
};

Accepts accepts_of(const Criterion& c) {
  return Accepts(c.accepts());
}
Accepts accepts_of(const Allocator& a) {
  return a.accepts();
}
Accepts accepts_of(const Update& u) {
  return u.accepts();
}
Accepts accepts_of(const Stage& s) {
  return s.accepts();
}
Accepts accepts_of(const Selection&) {
  return {};
}
Accepts accepts_of(const Task&) {
  return {};
}

/// Nothing where a key must be given: what it takes is not known without it.
template <class T>
std::unique_ptr<T> with_defaults(const std::string& name) {
  try {
    return Registry<T>::instance().create(name);
  } catch (const Error&) {
    return nullptr;
  }
}

std::vector<std::string> units_of(const Accepts& a) {
  static const std::vector<std::string> all{"head",   "neuron",    "channel", "hidden",
                                            "expert", "attention", "mlp",     "block"};
  if (a.units.contains("*")) return all;
  return {a.units.begin(), a.units.end()};
}

template <class T>
void add(std::vector<Entry>& all, const std::string& kind) {
  for (const auto& [name, plugin] : Registry<T>::instance().all()) {
    const auto& about = plugin.about;
    Entry e{kind, name, about.doc, about.source, {}};
    e.values["kind"] = {kind};
    e.values["name"] = {name};
    e.values["year"] = {std::to_string(about.year)};
    e.values["when"] = {name_of(about.when)};
    e.values["data"] = {name_of(about.data)};
    e.values["how"] = {name_of(about.how)};
    e.values["fusion"] = {about.fusion};
    e.values["source"] = {about.source};
    if (const auto plugin_itself = with_defaults<T>(name)) {
      const Accepts a = accepts_of(*plugin_itself);
      e.values["units"] = units_of(a);
      e.values["weights"] = {a.weights ? "yes" : "no"};
      e.values["nm"] = {a.nm ? "yes" : "no"};
      e.values["input"] = {name_of(a.input)};
    }
    all.push_back(std::move(e));
  }
}

/// field=value, field!=value, field>=number, field<=number.
struct Term {
  std::string field, how, value;

  bool holds(const Entry& e) const {
    const auto it = e.values.find(field);
    if (it == e.values.end()) return how == "!=";
    const auto& all = it->second;
    if (how == ">=" || how == "<=") {
      const auto a = std::stol(all.front()), b = std::stol(value);
      return how == ">=" ? a >= b : a <= b;
    }
    const bool found = std::find(all.begin(), all.end(), value) != all.end() ||
                       (field == "source" && all.front().find(value) != std::string::npos) ||
                       (field == "input" && all.front() == "any");
    return found == (how == "=");
  }
};

Term term(const std::string& text) {
  static const std::vector<std::string> fields{"kind",  "name",    "year",   "when",
                                               "data",  "how",     "fusion", "source",
                                               "units", "weights", "nm",     "input"};
  for (const std::string how : {">=", "<=", "!=", "="}) {
    const auto at = text.find(how);
    if (at == std::string::npos || at == 0) continue;
    const Term t{text.substr(0, at), how, text.substr(at + how.size())};
    if (std::find(fields.begin(), fields.end(), t.field) == fields.end())
      fail("criteria: unknown field '{}'{}", t.field, suggestion(t.field, fields));
    const bool number = !t.value.empty() && t.value.size() < 10 &&
                        t.value.find_first_not_of("0123456789") == std::string::npos;
    if ((how == ">=" || how == "<=") && (t.field != "year" || !number))
      fail("criteria: {} compares years with a number: year>=2024", text);
    return t;
  }
  fail("criteria: '{}' is no term; write one as units=head, data=none or year>=2024", text);
}

}  // namespace

int criteria(const Arguments& a) {
  std::vector<Term> terms;
  for (size_t i = 1; i < a.size(); ++i)
    if (a[i] != "--where") terms.push_back(term(a[i]));
  std::vector<Entry> all;
  add<Criterion>(all, "criterion");
  add<Allocator>(all, "allocator");
  add<Update>(all, "update");
  add<Selection>(all, "selection");
  add<Stage>(all, "stage");
  add<Task>(all, "task");
  std::string kind;
  size_t shown = 0;
  for (const auto& e : all) {
    if (!std::all_of(terms.begin(), terms.end(), [&](const Term& t) { return t.holds(e); }))
      continue;
    if (kind != e.kind) std::cout << (kind = e.kind) << "\n";
    std::cout << fmt::format("  {:<20} {}{}\n", e.name, e.doc,
                             e.source.empty() ? "" : "  [" + e.source + "]");
    ++shown;
  }
  if (shown == 0) std::cout << "nothing that is registered fits all terms\n";
  return 0;
}

}  // namespace bench::engine
