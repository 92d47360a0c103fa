// criteria: what is registered, by what it takes and where it comes from; one of them whole; all of
// them as a page.
#include <fmt/ranges.h>

#include <iostream>

#include "base/near.h"
#include "engine/cards.h"
#include "core/method.h"
#include "core/stage.h"
#include "core/task.h"
#include "measure/passes.h"
#include "engine/verbs.h"

namespace bench::engine {
namespace {

/// One registered name with the values that terms are held against.
struct Entry {
  std::string kind, name, doc, source;
  Schema schema;
  std::string reads, cost;
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
  static const std::vector<std::string> all{"head",   "head_dim",  "neuron", "channel", "hidden",
                                            "expert", "attention", "mlp",    "block"};
  if (a.units.contains("*")) return all;
  return {a.units.begin(), a.units.end()};
}

/// What statistics a part asks for, in words.
std::string reads_of(const Needs& needs) {
  if (needs.empty()) return "nothing";
  bool inputs = false, gradients = false, own = false;
  for (const auto& n : needs) {
    inputs = inputs || n.pass == &kForwardPass;
    gradients = gradients || n.pass == &kBackwardPass;
    own = own || (n.pass != &kForwardPass && n.pass != &kBackwardPass);
  }
  std::vector<std::string> all;
  if (inputs) all.emplace_back("inputs of layers");
  if (gradients) all.emplace_back("gradients");
  if (own) all.emplace_back("a pass of its own over the data");
  return fmt::format("{}", fmt::join(all, ", "));
}

template <class T>
std::string reads(const T& part) {
  if constexpr (requires { part.needs(); })
    return reads_of(part.needs());
  else if constexpr (requires { part.calibrates(); })
    return part.calibrates() ? "the trial's calibration data" : "no calibration data";
  return "nothing";
}

/// The class of what it takes, as the survey's cards count: - no data, A passes over the
/// calibration data, B a search over candidates, C training of parts, D training of the whole.
std::string cost_of(const About& about, const std::string& kind) {
  if (about.how == About::How::Learned) return kind == "stage" ? "D" : "C";
  if (about.how == About::How::Searched) return "B";
  return about.data == About::Data::None ? "-" : "A";
}

template <class T>
void add(std::vector<Entry>& all, const std::string& kind) {
  for (const auto& [name, plugin] : Registry<T>::instance().all()) {
    const auto& about = plugin.about;
    Entry e{kind, name, about.doc, about.source, plugin.schema, "", cost_of(about, kind), {}};
    e.values["kind"] = {kind};
    e.values["name"] = {name};
    e.values["year"] = {std::to_string(about.year)};
    e.values["when"] = {name_of(about.when)};
    e.values["data"] = {name_of(about.data)};
    e.values["how"] = {name_of(about.how)};
    e.values["fusion"] = {about.fusion};
    e.values["source"] = {about.source};
    if (const auto plugin_itself = with_defaults<T>(name)) {
      e.reads = reads(*plugin_itself);
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

std::vector<Entry> registered() {
  std::vector<Entry> all;
  add<Criterion>(all, "criterion");
  add<Allocator>(all, "allocator");
  add<Update>(all, "update");
  add<Selection>(all, "selection");
  add<Stage>(all, "stage");
  add<Task>(all, "task");
  return all;
}

/// What of a network gets faster by it (the survey's first axis).
std::string speedup(const Entry& e) {
  const auto has = [&](const char* field) {
    const auto it = e.values.find(field);
    return it != e.values.end() && it->second.front() == "yes";
  };
  std::vector<std::string> all;
  if (has("weights")) all.emplace_back("unstructured");
  if (has("nm")) all.emplace_back("semi-structured");
  if (const auto it = e.values.find("units"); it != e.values.end() && !it->second.empty())
    all.push_back(it->second.size() == units_of({}).size()
                      ? "structured (any unit)"
                      : fmt::format("structured ({})", fmt::join(it->second, ", ")));
  return all.empty() ? "-" : fmt::format("{}", fmt::join(all, ", "));
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

void show(const Entry& e) {
  const auto card = card_of(e.kind, e.name);
  const auto value = [&](const char* field) {
    const auto it = e.values.find(field);
    return it == e.values.end() ? std::string("-") : fmt::format("{}", fmt::join(it->second, ", "));
  };
  const auto line = [](const std::string& what, const std::string& text) {
    std::cout << fmt::format("{:<12} {}\n", what, or_dash(text));
  };
  std::cout << fmt::format("{} {}\n{}\n\n", e.kind, e.name, e.doc);
  line("formula", card.formula);
  line("source", e.source);
  line("year", value("year"));
  line("speedup", speedup(e));
  line("when", value("when"));
  line("criterion", card.axis);
  line("learning", value("how"));
  line("fusion", value("fusion"));
  line("data", value("data"));
  line("reads", e.reads);
  line("cost", e.cost);
  line("models of", value("input"));
  line("recorded", card.recorded);
  line("sweep", card.sweep);
  if (e.schema.keys().empty()) return;
  std::cout << "\noptions\n";
  for (const auto& k : e.schema.keys()) std::cout << fmt::format("  {:<20} {}\n", k.name, k.doc);
}

/// A bar would end the cell of a table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : or_dash(text)) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

int show_all(const std::string& name) {
  const auto all = registered();
  std::vector<std::string> names;
  bool first = true;
  for (const auto& e : all) {
    names.push_back(e.name);
    if (e.name != name) continue;
    if (!first) std::cout << "\n";
    show(e);
    first = false;
  }
  if (first) fail("criteria show: unknown name '{}'{}", name, suggestion(name, names));
  return 0;
}

}  // namespace

std::string methods_page() {
  std::string page =
      "# Methods\n\n"
      "Made by `bench criteria --format markdown > docs/methods.md`; `bench criteria show NAME` "
      "prints one with its options. Axes are those of the survey of Cheng et al. (arXiv "
      "2308.06767). Cost: - no data, A passes over the calibration data, B a search over "
      "candidates, C training of parts, D training of the whole. Recorded: results of the authors' "
      "code that `bench verify` replays, by folder of `golden/masks`, and how many agree.\n";
  std::string kind;
  for (const auto& e : registered()) {
    if (e.kind == "task" || e.kind == "selection") continue;
    if (kind != e.kind)
      page += fmt::format(
          "\n## {}\n\n| name | what | formula | speedup | when | criterion | learning | fusion | "
          "data | cost | year | source | recorded |\n"
          "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
          kind = e.kind);
    const auto card = card_of(e.kind, e.name);
    const auto value = [&](const char* field) { return e.values.at(field).front(); };
    page += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                        e.name, cell(e.doc), cell(card.formula), cell(speedup(e)), value("when"),
                        cell(card.axis), value("how"), value("fusion"), value("data"), e.cost,
                        value("year"), cell(e.source), cell(card.recorded));
  }
  return page;
}

int criteria(const Arguments& a) {
  if (a.size() > 1 && a[1] == "show") {
    if (a.size() != 3) fail("criteria show: takes one name, as in bench criteria show wanda");
    return show_all(a[2]);
  }
  if (a.size() > 1 && a[1] == "--format") {
    if (a.size() != 3 || a[2] != "markdown")
      fail("criteria --format: knows markdown, the page of all methods, and takes no terms");
    std::cout << methods_page();
    return 0;
  }
  std::vector<Term> terms;
  for (size_t i = 1; i < a.size(); ++i)
    if (a[i] != "--where") terms.push_back(term(a[i]));
  std::string kind;
  size_t shown = 0;
  for (const auto& e : registered()) {
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
