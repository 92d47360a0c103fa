#pragma once
// The verbs with which people check us, as they are typed.
#include <nlohmann/json.hpp>

#include "front/program.h"
#include "test.h"

namespace bench::test {

using Json = nlohmann::json;

inline Ran ask(const std::string& words) {
  setenv("BENCH_HOME", root().c_str(), 1);
  return bench::test::run(words);
}

/// The verb with these lines as its standard input.
inline Ran ask(const std::string& words, const std::string& lines) {
  const TempDir dir;
  std::ofstream(dir.path / "in") << lines;
  return ask(words + " < '" + (dir.path / "in").string() + "'");
}

inline std::vector<Json> rows_of(const std::string& lines) {
  std::vector<Json> all;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    all.push_back(Json::parse(line, nullptr, false));
    INFO(line);
    REQUIRE(all.back().is_object());
  }
  return all;
}

inline const std::string kThree =
    R"({"context": "Once upon a time", "continuation": ", there was a little girl"}
{"context": "Once upon a time", "continuation": " zebra quantum"}

{"context": "", "continuation": "Once upon a time"}
)";

}  // namespace bench::test
