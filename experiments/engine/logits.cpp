// logits: what the model says to ids as they are, for whoever compares us with something else.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "engine/words.h"
#include "data/data.h"
#include "formats/safetensors.h"
#include "formats/safetensors_file.h"

namespace bench::engine {
namespace {

using Json = nlohmann::json;

/// Ids are lists within a list: what nests deeper, or is no JSON, is discarded.
Json parsed(const std::string& text) {
  constexpr int kDeepest = 4;
  bool deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > kDeepest;
    return !deep;
  };
  auto json = Json::parse(text, watch, false);
  return deep ? Json(Json::value_t::discarded) : json;
}

Sequence sequence_of(const Json& list, const std::string& where) {
  Sequence ids;
  for (const auto& id : list) {
    if (!id.is_number_integer() || (id.is_number_unsigned() && id.get<uint64_t>() > INT64_MAX) ||
        id.get<int64_t>() < 0)
      fail("{}: {} is no token id", where, id.dump(-1, ' ', true, Json::error_handler_t::replace));
    ids.push_back(id.get<int64_t>());
  }
  if (ids.empty()) fail("{}: holds no id", where);
  return ids;
}

/// A list of ids, or an object that holds one as "ids" (bench tokenize).
Sequence row_of(const Json& json, const std::string& where) {
  if (json.is_object() && json.contains("ids") && json["ids"].is_array())
    return sequence_of(json["ids"], where);
  if (!json.is_array())
    fail("{}: is neither a list of ids nor an object with a list \"ids\"", where);
  return sequence_of(json, where);
}

/// One row, or a list of rows.
void add(std::vector<Sequence>& all, const Json& json, const std::string& where) {
  if (!json.is_array() || json.empty() || !json.front().is_structured())
    return all.push_back(row_of(json, where));
  for (size_t i = 0; i < json.size(); ++i)
    all.push_back(row_of(json[i], fmt::format("{}, list {}", where, i)));
}

std::vector<Sequence> from_tensor(const std::string& file) {
  const auto tensors = read_safetensors(file);
  const auto it = tensors.find("input_ids");
  if (it == tensors.end() || it->second.scalar_type() != at::kLong || it->second.dim() != 2 ||
      it->second.numel() == 0)
    fail("{}: holds no int64 tensor input_ids [rows, tokens]", file);
  std::vector<Sequence> all;
  const auto ids = it->second.contiguous();
  const auto* p = ids.const_data_ptr<int64_t>();
  for (int64_t r = 0; r < ids.size(0); ++r, p += ids.size(1)) all.emplace_back(p, p + ids.size(1));
  return all;
}

std::vector<Sequence> read_ids(const std::string& file) {
  if (file.ends_with(".safetensors")) return from_tensor(file);
  const auto text = read_file(file);
  std::vector<Sequence> all;
  const auto whole = parsed(text);
  if (!whole.is_discarded()) {
    add(all, whole, file);
    return all;
  }
  std::istringstream in(text);
  for (const auto& line : input_lines(in)) {
    const auto where = fmt::format("{}:{}", file, line.number);
    const auto json = parsed(line.text);
    if (json.is_discarded()) fail("{}: is no JSON; each line is a list of ids", where);
    add(all, json, where);
  }
  if (all.empty()) fail("{}: holds no ids", file);
  return all;
}

Tensor logits_of(const Model& model, const std::vector<Sequence>& rows, size_t row,
                 const std::string& file) {
  const auto length = static_cast<int64_t>(rows[row].size());
  if (length > model.max_length())
    fail("{}: row {} has {} ids, more than the model's {}; cut it", file, row, length,
         model.max_length());
  try {
    return model.forward(text_batch({rows[row]}));
  } catch (const Error& e) {
    fail("{}: row {}: {}", file, row, e.what());
  }
}

/// Rows of one length as [rows, tokens] and [rows, tokens, vocabulary]; others one by one. A head
/// for classes (whole) answers once a row: [rows, classes].
std::vector<SafetensorsFile::Entry> entries_of(const std::vector<Sequence>& rows,
                                               int64_t vocabulary, bool whole) {
  const auto n = static_cast<int64_t>(rows.size());
  const auto length = [](const Sequence& r) { return static_cast<int64_t>(r.size()); };
  const auto first = length(rows.front());
  if (std::all_of(rows.begin(), rows.end(), [&](auto& r) { return length(r) == first; }))
    return {
        {"input_ids", at::kLong, {n, first}},
        {"logits", at::kFloat,
         whole ? std::vector<int64_t>{n, vocabulary} : std::vector<int64_t>{n, first, vocabulary}}};
  std::vector<SafetensorsFile::Entry> entries;
  for (size_t r = 0; r < rows.size(); ++r)
    entries.push_back({fmt::format("input_ids.{}", r), at::kLong, {length(rows[r])}});
  for (size_t r = 0; r < rows.size(); ++r)
    entries.push_back(
        {fmt::format("logits.{}", r), at::kFloat, {whole ? 1 : length(rows[r]), vocabulary}});
  return entries;
}

}  // namespace

int logits(const Arguments& a) {
  at::NoGradGuard no_grad;
  const Words words(a);
  const auto file = words.get("--ids"), out = words.get("--out");
  if (file.empty() || out.empty())
    fail(
        "logits: --ids and --out are needed, as in: bench logits MODEL --ids ids.json --out "
        "logits.safetensors");
  const auto rows = read_ids(file);
  const auto loaded = language_model(words.arguments().at(0), words.get("--dtype", "float32"));
  auto next = logits_of(*loaded.model, rows, 0, file);
  const auto vocabulary = next.size(1);
  SafetensorsFile written(
      out, entries_of(rows, vocabulary, loaded.model->input() == Input::LabelledText),
      {{"model", words.arguments().at(0)}});
  for (const auto& r : rows) written.append(at::tensor(r, at::kLong));
  for (size_t r = 0; r < rows.size(); ++r) {  // one row in memory at a time
    if (r > 0) next = logits_of(*loaded.model, rows, r, file);
    written.append(next);
  }
  written.finish();
  std::cout << fmt::format("{}: {} rows, vocabulary of {}\n", out, rows.size(), vocabulary);
  return 0;
}

}  // namespace bench::engine
