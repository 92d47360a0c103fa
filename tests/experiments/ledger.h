#pragma once
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "front/program.h"
#include "results/store.h"
#include "test.h"

namespace bench::test {

/// A ledger whose trials the program itself runs.
struct Ledger {
  TempDir dir;
  std::string db = (dir.path / "x.db").string();

  std::string add(const std::string& yaml) {
    const auto config = (dir.path / "one.yaml").string();
    std::ofstream(config) << yaml;
    setenv("BENCH_HOME", root().c_str(), 1);
    const auto before = std::filesystem::exists(db) ? Store(db).trials().size() : 0;
    const auto ran = run("run " + config + " --no-report --db " + db);
    INFO(ran.output);
    REQUIRE(ran.code == 0);
    const auto all = Store(db).trials();
    REQUIRE(all.size() == before + 1);
    return all.back().id;
  }
  std::string why(const std::string& words) const {
    const auto ran = run("why --db " + db + " " + words);
    CHECK(ran.code == 0);
    return ran.output;
  }
  void sql(const std::string& text) const {
    sqlite3* handle = nullptr;
    REQUIRE(sqlite3_open(db.c_str(), &handle) == SQLITE_OK);
    CHECK(sqlite3_exec(handle, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    CHECK(sqlite3_changes(handle) > 0);
    sqlite3_close(handle);
  }
};

}  // namespace bench::test
