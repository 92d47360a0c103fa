// Verbs that answer questions about the program itself: criteria, explain, tokenize.
#include <fmt/ranges.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/near.h"
#include "core/pruner.h"
#include "core/task.h"
#include "engine/verbs.h"
#include "io/calibration.h"
#include "io/checkpoint.h"
#include "io/data.h"
#include "trial.h"

namespace bench::engine {
namespace {

const char* const kTypes[] = {
    "bool",           "int",          "float", "string", "list of strings",
    "list of floats", "list of ints", "map",   "any"};

void print_key(const std::string& path, const Key& k) {
  std::cout << fmt::format("{} ({})", path, kTypes[static_cast<int>(k.type)]);
  if (!k.fallback)
    std::cout << ", required";
  else if (!k.fallback->is_null())
    std::cout << ", default " << to_json(*k.fallback);
  if (!k.unit.empty()) std::cout << ", in " << k.unit;
  std::cout << "\n    " << k.doc << "\n";
  if (!k.choices.empty())
    std::cout << "    one of: " << fmt::format("{}", fmt::join(k.choices, ", ")) << "\n";
}

/// Every declared key under its dotted path; plugins as criterion.<name>.<key>.
std::vector<std::pair<std::string, Key>> all_keys() {
  std::vector<std::pair<std::string, Key>> all;
  const auto add = [&](const std::string& prefix, const Schema& schema) {
    for (const auto& k : schema.keys()) all.emplace_back(prefix + k.name, k);
  };
  add("", trial_schema());
  add("pattern.", Pattern::schema());
  add("data.", calibration_schema());
  for (const auto& [name, p] : Registry<Criterion>::instance().all())
    add("criterion." + name + ".", p.schema);
  for (const auto& [name, p] : Registry<Allocator>::instance().all())
    add("allocator." + name + ".", p.schema);
  for (const auto& [name, p] : Registry<Update>::instance().all())
    add("update." + name + ".", p.schema);
  for (const auto& [name, p] : Registry<Task>::instance().all())
    add("task." + name + ".", p.schema);
  return all;
}

template <class T>
void print_plugins(const char* kind) {
  std::cout << kind << "\n";
  for (const auto& [name, plugin] : Registry<T>::instance().all())
    std::cout << fmt::format("  {:<18} {}\n", name, plugin.doc);
}

}  // namespace

int criteria(const Arguments& a) {
  if (a.size() != 1) fail("criteria: takes no argument");
  print_plugins<Criterion>("criteria");
  print_plugins<Allocator>("allocators");
  print_plugins<Update>("updates");
  print_plugins<Task>("tasks");
  return 0;
}

int explain(const Arguments& a) {
  if (a.size() > 2) fail("explain: takes one key; usage: bench explain criterion.mini_llm.eps");
  std::vector<std::string> known;
  bool found = false;
  for (const auto& [path, k] : all_keys()) {
    known.push_back(path);
    const bool match = a.size() == 1 || path == a[1] || path.rfind(a[1] + ".", 0) == 0 ||
                       path.ends_with("." + a[1]);
    if (!match) continue;
    found = true;
    print_key(path, k);
  }
  if (!found) fail("explain: no key '{}'{}", a[1], suggestion(a[1], nearest(a[1], known)));
  return 0;
}

int tokenize(const Arguments& a) {
  if (a.size() < 2 || a.size() > 3)
    fail("tokenize: usage: bench tokenize MODEL [VARIANT] < in.jsonl > out.jsonl");
  const auto path = resolve_model(a[1], model_folders());
  const auto tokenizer = read_checkpoint(path).tokenizer(a.size() == 3 ? a[2] : "auto");
  size_t line = 0;
  for (std::string row; std::getline(std::cin, row);) {
    ++line;
    if (row.empty()) continue;
    const auto in = nlohmann::json::parse(row, nullptr, false);
    if (!in.is_object() || !in.contains("text") || !in["text"].is_string())
      fail("standard input:{}: is no JSON object with a field 'text'", line);
    const auto text = in["text"].get<std::string>();
    const auto ids = tokenizer->encode(text, false);
    std::cout << nlohmann::json{{"text", text},
                                {"ids", ids},
                                {"ids_special", tokenizer->encode(text, true)},
                                {"decoded", tokenizer->decode(ids)}}
                     .dump(-1, ' ', true)
              << "\n";
  }
  return 0;
}

}  // namespace bench::engine
