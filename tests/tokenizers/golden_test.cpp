// Every recorded line of every tokenizer: text -> ids, ids with specials, and back.
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "test.h"
#include "tokenizers/tokenizer.h"

using namespace bench;

namespace {

struct Golden {
  const char* file;
  const char* source;  // below the shared folder
  const char* variant;
};

const Golden kGolden[] = {
    {"babyllama-105.fast4", "data/models/babyllama-105", "fast4"},
    {"babyllama-105.fast4", "golden/tokenizers/babyllama-105.fast4", "json"},
    {"babyllama-105.hf5", "data/models/babyllama-105", "hf5"},
    {"babyllama-105.slow4", "data/models/babyllama-105", "slow4"},
    {"babyllama-105.spm", "data/models/babyllama-105", "spm"},
    {"bloom-like", "golden/tokenizers/bloom-like", "json"},
    {"gpt2", "data/tokenizers/gpt2", "auto"},
    {"llama.fast4", "data/tokenizers/llama", "fast4"},
    {"llama.hf5", "data/tokenizers/llama", "hf5"},
    {"llama.slow4", "data/tokenizers/llama", "auto"},
    {"llama.spm", "data/tokenizers/llama", "spm"},
    {"opt", "data/tokenizers/opt", "auto"},
    {"stories260k.fast4", "data/models/stories260k", "fast4"},
    {"stories260k.fast4", "golden/tokenizers/stories260k.fast4", "json"},
    {"stories260k.hf5", "data/models/stories260k", "hf5"},
    {"stories260k.slow4", "data/models/stories260k", "slow4"},
    {"stories260k.spm", "data/models/stories260k", "spm"},
    {"tinystories-656k.hf5", "data/models/tinystories-656k", "hf5"},
    {"tinystories-656k.json", "data/models/tinystories-656k", "json"},
    {"unigram", "golden/tokenizers/unigram", "json"},
};

/// How many lines are read, and a description of the first few that differ.
std::pair<int, std::string> compare(const Tokenizer& tokenizer, const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line, wrong;
  int count = 0;
  while (std::getline(in, line)) {
    const auto want = nlohmann::json::parse(line);
    const auto text = want["text"].get<std::string>();
    const auto ids = want["ids"].get<std::vector<int64_t>>();
    const auto with = want["ids_special"].get<std::vector<int64_t>>();
    const auto got = tokenizer.encode(text, false);
    ++count;
    if (wrong.size() > 2000) continue;
    if (got != ids) wrong += line + "\n  ids " + json_array_text(got) + "\n";
    if (tokenizer.encode(text, true) != with)
      wrong += line + "\n  special " + json_array_text(tokenizer.encode(text, true)) + "\n";
    const auto decoded = tokenizer.decode(ids);
    if (decoded != want["decoded"].get<std::string>())
      wrong += line + "\n  decoded \"" + nlohmann::json(decoded).dump(-1, ' ', true) + "\"\n";
  }
  return {count, wrong};
}

}  // namespace

TEST_CASE("recorded ids and texts of every tokenizer", "[text][shared]") {
  SKIP_WITHOUT_SHARED();
  for (const auto& [file, source, variant] : kGolden) {
    CAPTURE(file, source, variant);
    const auto tokenizer = load_tokenizer(test::shared() / source, variant);
    const auto recorded = test::shared() / "golden/tokenizers" / (std::string(file) + ".jsonl");
    const auto [count, wrong] = compare(*tokenizer, recorded);
    CHECK(count > 100);
    CHECK(wrong == "");
  }
}
