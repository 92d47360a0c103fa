#include "data/labelled_text.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/digest.h"
#include "base/error.h"
#include "data/documents.h"

namespace bench {
namespace {

void cut(LabelledSequence& s, int64_t most) {
  const auto size = static_cast<size_t>(most);
  if (most <= 0 || s.ids.size() <= size) return;
  for (auto* of : {&s.ids, &s.types}) {
    (*of)[size - 1] = of->back();
    of->resize(size);
  }
}

}  // namespace

Schema LabelledSource::keys() {
  return {required("file", Key::Type::String, "documents: .jsonl, .json, .csv and .gz of these"),
          key("text", "sentence", "the field with the text"),
          key("second", "", "the field with the second text of a pair; empty: there is none"),
          key("gold", "label", "the field with the class: its number, or its name"),
          key("classes", std::vector<std::string>{}, "names of the classes in the head's order"),
          key("limit", 0, "how many documents, from the first; 0: all").at_least(0)};
}

LabelledSource LabelledSource::from(const Config& c) {
  return {c.get<std::string>("file"),
          c.get<std::string>("text"),
          c.get<std::string>("second"),
          c.get<std::string>("gold"),
          c.get<std::vector<std::string>>("classes"),
          c.get<int64_t>("limit")};
}

std::string LabelledSource::settings() const {
  return fmt::format("{}|{}|{}|{}|{}|{}", file, text, second, gold, fmt::join(classes, ","), limit);
}

std::string LabelledSource::field(const Value& document, const std::string& name,
                                  size_t row) const {
  const auto* v = document.find(name);
  if (!v || !v->is_string()) fail("{}: document {} has no text under '{}'", file, row + 1, name);
  return v->string();
}

int64_t LabelledSource::class_of(const Value& document, size_t row) const {
  const auto* v = document.find(gold);
  if (v && v->is_int() && std::get<int64_t>(v->data) >= 0) return std::get<int64_t>(v->data);
  if (v && v->is_string())
    for (size_t i = 0; i < classes.size(); ++i)
      if (classes[i] == v->string()) return static_cast<int64_t>(i);
  fail("{}: document {} has no class under '{}': a number from 0 on, or one of `classes`", file,
       row + 1, gold);
}

void LabelledSource::check() const {
  constexpr int64_t kFirst = 20;
  const auto rows = read_documents_of(file, limit > 0 ? std::min(limit, kFirst) : kFirst);
  for (size_t i = 0; i < rows.size(); ++i) {
    field(rows[i], text, i);
    if (!second.empty()) field(rows[i], second, i);
    class_of(rows[i], i);
  }
}

std::vector<LabelledSequence> LabelledSource::read(const Tokenizer& tokenizer, int64_t most) const {
  std::vector<LabelledSequence> all;
  const auto rows = read_documents_of(file, limit);
  for (size_t i = 0; i < rows.size(); ++i) {
    LabelledSequence s;
    if (second.empty()) {
      s.ids = tokenizer.encode(field(rows[i], text, i), true);
      s.types.assign(s.ids.size(), 0);
    } else {
      auto pair = tokenizer.encode_pair(field(rows[i], text, i), field(rows[i], second, i));
      s.ids = std::move(pair.ids), s.types = std::move(pair.types);
    }
    if (s.ids.empty()) fail("{}: document {} has no token", file, i + 1);
    s.label = class_of(rows[i], i);
    cut(s, most);
    all.push_back(std::move(s));
  }
  return all;
}

Batch labelled_batch(const std::vector<const LabelledSequence*>& all) {
  std::vector<Sequence> sequences;
  std::vector<int64_t> types, labels;
  for (const auto* s : all) {
    sequences.push_back(s->ids);
    types.insert(types.end(), s->types.begin(), s->types.end());
    labels.push_back(s->label);
  }
  auto b = text_batch(sequences);
  b.types = at::tensor(types, at::kLong);
  b.labels = at::tensor(labels, at::kLong);
  return b;
}

std::vector<Batch> labelled_batches(const std::vector<LabelledSequence>& all, int64_t tokens) {
  std::vector<Batch> batches;
  std::vector<const LabelledSequence*> run;
  int64_t held = 0;
  for (const auto& s : all) {
    const auto more = static_cast<int64_t>(s.ids.size());
    if (!run.empty() && held + more > tokens) {
      batches.push_back(labelled_batch(run));
      run.clear(), held = 0;
    }
    run.push_back(&s), held += more;
  }
  if (!run.empty()) batches.push_back(labelled_batch(run));
  return batches;
}

std::string hash_of(const std::vector<LabelledSequence>& all) {
  Sha256 digest;
  for (const auto& s : all)
    digest.update(
        fmt::format("{}|{}|{}\n", fmt::join(s.ids, ","), fmt::join(s.types, ","), s.label));
  return digest.hex();
}

}  // namespace bench
