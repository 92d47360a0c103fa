// Verbs that answer questions about the program itself: criteria, explain, tokenize.
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/data.h"
#include "engine/verbs.h"
#include "models/checkpoint.h"
#include "trial/trial.h"

namespace bench::engine {

int explain(const Arguments& a) {
  std::string key, format = "text";
  for (size_t i = 1; i < a.size(); ++i) {
    if (a[i] == "--format" && i + 1 < a.size())
      format = a[++i];
    else if (key.empty() && a[i].rfind("--", 0) != 0)
      key = a[i];
    else
      fail("explain: unexpected '{}'; usage: bench explain criterion.mini_llm.eps", a[i]);
  }
  std::cout << bench::explain(declared_keys(), key, format);
  return 0;
}

int tokenize(const Arguments& a) {
  if (a.size() < 2 || a.size() > 3)
    fail("tokenize: usage: bench tokenize MODEL [VARIANT] < in.jsonl > out.jsonl");
  const auto path = resolve_model(a[1], model_folders());
  const auto tokenizer = tokenizer_at(path, a.size() == 3 ? a[2] : "auto");
  size_t line = 0;
  for (std::string row; std::getline(std::cin, row);) {
    ++line;
    if (row.empty()) continue;
    const auto in = nlohmann::json::parse(row, nullptr, false);
    if (!in.is_object() || !in.contains("text") || !in["text"].is_string())
      fail("standard input:{}: is no JSON object with a field 'text'", line);
    const auto text = in["text"].get<std::string>();
    const auto ids = [&] {
      try {
        return tokenizer->encode(text, false);
      } catch (const Error& e) {
        fail("standard input:{}: {}", line, e.what());
      }
    }();
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
