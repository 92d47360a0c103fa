// Text -> ids vectors of the real tokenizers, by variant.
#include <algorithm>
#include <fstream>

#include "parity/verify.h"

namespace bench::verify {
namespace {

/// name.variant.jsonl or name.jsonl.
std::pair<std::string, std::string> name_and_variant(const fs::path& file) {
  const auto stem = file.stem().string();
  static const std::vector<std::string> kVariants{"spm", "slow4", "fast4", "hf5", "json"};
  const auto dot = stem.rfind('.');
  if (dot != std::string::npos)
    for (const auto& v : kVariants)
      if (stem.substr(dot + 1) == v) return {stem.substr(0, dot), v};
  return {stem, "auto"};
}

bool holds_tokenizer(const fs::path& at) {
  if (at.extension() == ".gguf") return true;
  if (!fs::is_directory(at)) return false;
  return std::any_of(fs::directory_iterator(at), fs::directory_iterator(), [](const auto& file) {
    const auto& name = file.path().filename();
    return name == "tokenizer.json" || name == "tokenizer.model" || name == "vocab.json" ||
           name.extension() == ".gguf";
  });
}

/// The model of that name, or else one with a size behind it: smollm2 is smollm2-135m. Random
/// models that stand beside the records without a tokenizer are none.
fs::path model_named(Run& run, const std::string& name) {
  fs::path longer;
  for (const auto& folder : run.model_folders()) {
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto& at = entry.path();
      if (!holds_tokenizer(at)) continue;
      if (at.stem() == name) return at;
      const auto stem = at.stem().string();
      if (stem.starts_with(name + "-") &&
          stem.find_first_of("0123456789", name.size()) == name.size() + 1)
        longer = at;
    }
  }
  if (longer.empty())
    throw Missing("no tokenizer or model named " + name + "; --models DIR adds one");
  return longer;
}

std::unique_ptr<Tokenizer> find_tokenizer(Run& run, const fs::path& file, const std::string& name,
                                          const std::string& variant) {
  if (fs::exists(file.parent_path() / name / "tokenizer.json"))
    return load_tokenizer(file.parent_path() / name, variant);
  for (const auto& folder : run.model_folders())
    for (const auto& at : {folder / ".." / "tokenizers" / name, folder / "tokenizers" / name})
      if (fs::is_directory(at)) return load_tokenizer(at, variant);
  return read_checkpoint(model_named(run, name)).tokenizer(variant);
}

std::string shown(const std::string& text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 60);
}

}  // namespace

void verify_tokenizer(Run& run, const fs::path& file) {
  const auto [name, variant] = name_and_variant(file);
  const auto tokenizer = find_tokenizer(run, file, name, variant);
  std::ifstream in(file);
  int total = 0, bad = 0;
  std::string line, first;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    const auto record = Json::parse(line);
    const auto text = record.at("text").get<std::string>();
    ++total;
    std::string what;
    if (tokenizer->encode(text, false) != record.at("ids").get<Sequence>())
      what = "ids";
    else if (tokenizer->encode(text, true) != record.at("ids_special").get<Sequence>())
      what = "ids_special";
    else if (tokenizer->decode(record.at("ids").get<Sequence>()) !=
             record.at("decoded").get<std::string>())
      what = "decoded";
    if (what.empty()) {
      run.pass("tokenizer strings");
      continue;
    }
    ++bad;
    if (first.empty()) first = fmt::format("line {}: {} of {}", total, what, shown(text));
    run.fail_case("tokenizer strings", file,
                  fmt::format("line {}: {} of {}", total, what, shown(text)));
  }
  if (bad) bench::fail("{} of {} strings differ; {}", bad, total, first);
  run.pass("tokenizers");
}

}  // namespace bench::verify
