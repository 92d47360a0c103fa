#include "core/accepts.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace bench {
namespace {

/// The shipped pattern that serves a plugin of those units.
std::string remedy(const Accepts& a) {
  if (!a.use.empty()) return a.use;
  if (a.units.empty() || a.units.contains("*"))
    return a.weights ? "pattern=unstructured" : "pattern=channels";
  if (a.units.contains("channel")) return "pattern=channels";
  if (a.units.contains("head") || a.units.contains("neuron")) return "pattern=heads_neurons";
  if (a.units.contains("hidden")) return "pattern=hidden";
  if (a.units.contains("block")) return "pattern=blocks";
  return "pattern=" + *a.units.begin();
}

std::string units_text(const Accepts& a) {
  if (a.units.contains("*")) return "whole units";
  return fmt::format("units of the kinds {}", fmt::join(a.units, ", "));
}

void check_units(const Accepts& a, const std::string& who, const Pattern& p) {
  if (a.units.empty()) fail("{}: takes single weights, not whole units; use {}", who, remedy(a));
  for (const auto& kind : p.groups)
    if (!a.takes(kind)) fail("{}: takes {}, not '{}'; use {}", who, units_text(a), kind, remedy(a));
  if (!a.depth && p.depth())
    fail("{}: takes a share of every group, but a block goes whole or not at all; use {}", who,
         a.use.empty() ? "allocator=global" : a.use);
  if (!a.exempt && (p.exempt_first || p.exempt_last || p.of_parameters))
    fail("{}: works on the whole model; exempt blocks and target_of=parameters do not apply", who);
}

}  // namespace

const char* name_of(Input input) {
  switch (input) {
    case Input::Text:
      return "text";
    case Input::Images:
      return "images";
    case Input::LabelledText:
      return "text with labels";
    default:
      return "any";
  }
}

void check(const Accepts& a, const std::string& who, const Pattern& p) {
  if (p.kind == Pattern::Structured) check_units(a, who, p);
  if (p.kind == Pattern::Unstructured && !a.weights)
    fail("{}: takes {}, not single weights; use {}", who, units_text(a), remedy(a));
  if (p.kind == Pattern::NM && !a.nm)
    fail("{}: cannot serve n:m, which removes the same share everywhere; use {}", who, remedy(a));
  if (p.kind == Pattern::NM && a.slab % p.of != 0)
    fail("{}: {} columns at a time do not split into groups of {}; use a multiple", who, a.slab,
         p.of);
  if (p.kind == Pattern::Unstructured && p.contest == Contest::Row && !a.per_row)
    fail("{}: counts over whole layers; with pattern per=row every row loses the same, use {}", who,
         a.use.empty() ? "pattern=unstructured" : a.use);
  if (!p.reference_ties && a.authors_alone && p.kind != Pattern::Structured)
    fail(
        "{}: chooses by its authors' rule alone, which leaves other counts or groups; use "
        "pattern.tie=reference{}",
        who, a.use.empty() ? "" : ", or " + a.use);
  if (p.reference_ties && !a.authors_ties)
    fail("{}: chooses by its own exact counts; use tie=stable", who);
}

void check(const Accepts& a, const std::string& who, Input model, const std::string& name) {
  if (a.input == Input::Any || model == Input::Any || a.input == model) return;
  if (a.input == Input::Text && model == Input::LabelledText) return;  // its texts
  fail("{}: is made for models of {}; {} is a model of {}", who, name_of(a.input), name,
       name_of(model));
}

}  // namespace bench
