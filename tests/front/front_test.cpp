// The built program, as a user types it.

#include "front/program.h"
#include "reports/synthetic.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("help is there for the program and each verb", "[front]") {
  for (const char* words : {"--help", "-h", "help"}) {
    const Ran r = run(words);
    CHECK(r.code == 0);
    CHECK(contains(r.output, "leaderboard"));
    CHECK(contains(r.output, "verify FOLDER"));
  }
  for (const char* verb :
       {"run", "plan", "list", "show", "report", "leaderboard", "reproduce", "verify", "criteria",
        "tokenize", "explain", "score", "generate", "logits", "diff", "why"}) {
    const Ran r = run(std::string(verb) + " --help");
    CHECK(r.code == 0);
    CHECK(contains(r.output, std::string("usage: bench ") + verb));
    CHECK(run(std::string("help ") + verb).output == r.output);
  }
  CHECK(run("--version").output == "bench " BENCH_VERSION "\n");
}

TEST_CASE("mistakes on the command line are exit code 2 with the near names", "[front]") {
  const std::pair<const char*, const char*> cases[] = {{"", "which verb"},
                                                       {"reprot", "did you mean report"},
                                                       {"report --fromat csv", "--format"},
                                                       {"report --format cvs", "csv"},
                                                       {"report --format", "needs a value (NAME)"},
                                                       {"report extra", "'extra' is too much"},
                                                       {"show a b", "'b' is too much"},
                                                       {"score", "MODEL is missing"},
                                                       {"why a", "A B is missing"},
                                                       {"list --db a --db b", "given twice"},
                                                       {"show", "request TASK I is missing"},
                                                       {"show x --json=1", "takes no value"},
                                                       {"list --state dnoe", "done"}};
  for (const auto& [words, part] : cases) {
    INFO(words);
    const Ran r = run(words);
    CHECK(r.code == 2);
    CHECK(contains(r.output, part));
    CHECK(r.output.find('\n') == r.output.size() - 1);  // one sentence
  }
}

TEST_CASE("a database that is not there is exit code 1", "[front]") {
  TempDir folder;
  const std::string db = " --db '" + (folder.path / "none.db").string() + "'";
  for (const char* verb : {"list", "report", "leaderboard", "show x"}) {
    const Ran r = run(verb + db);
    CHECK(r.code == 1);
    CHECK(contains(r.output, "no such database"));
  }
}

TEST_CASE("list, show, report and leaderboard on a filled database", "[front]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  std::string failed, done;
  {
    Store store(path);
    Size size;
    size.models = 1;
    fill(store, size);
    for (const auto& t : store.trials()) (t.state == "failed" ? failed : done) = t.id;
  }
  const std::string db = " --db '" + path + "'";
  CHECK(contains(run("list" + db).output, "31 of 31 trials"));
  CHECK(contains(run("list --state failed" + db).output, "out of memory"));

  const Ran shown = run("show " + done.substr(0, 12) + db);
  CHECK(shown.code == 0);
  for (const char* part : {"state: done", "metrics", "sparsity", "hashes", "phases", "verdicts",
                           "environment", "preset: c4"}) {
    CHECK(contains(shown.output, part));
  }
  CHECK(!contains(shown.output, "\x1b"));  // no terminal, no colours
  CHECK(contains(run("show " + failed + db).output, "error: out of memory"));
  CHECK(contains(run("show " + done + " --json" + db).output, "\"environment\": {"));
  CHECK(run("show zzz" + db).code == 2);

  const Ran table = run("report --task wikitext2" + db);
  CHECK(table.code == 0);
  CHECK(contains(table.output, "– failed"));
  CHECK(contains(table.output, "INVALID"));
  const Ran wrong = run("report --model storys260k" + db);
  CHECK(wrong.code == 2);
  CHECK(contains(wrong.output, "stories260k"));
  CHECK(run("report --format csv" + db + " > /dev/full").code == 1);

  const auto page = folder.path / "new" / "page.html";
  CHECK(run("leaderboard --out '" + page.string() + "'" + db).code == 0);
  CHECK(contains(slurp(page), "</html>"));
  CHECK(!std::filesystem::exists(page.string() + ".new"));
}

TEST_CASE("other verbs go to bench-engine with two variables set", "[front]") {
  const StandIn engine("echo \"$@|$THP_MEM_ALLOC_ENABLE|$OMP_WAIT_POLICY\"\nexit 7\n");
  const Ran ran = engine.run("logits 'a b'");
  CHECK(ran.code == 7);
  CHECK(contains(ran.output, "a b|1|passive\n"));
  // The replay of recorded results is a program of its own, which is not built here.
  CHECK(contains(engine.run("verify 'a b' --models c").output, "needs bench-parity"));
  const auto asked = "generate --ignore-eos --until=a b --until=c -- m -x|1|passive\n";
  CHECK(engine.run("generate m --until 'a b' --ignore-eos --until=c -- -x").output == asked);
  CHECK(engine.run("show request arc_easy 3 --json --model m").output ==
        "request --json --model=m -- arc_easy 3|1|passive\n");
  setenv("OMP_WAIT_POLICY", "active", 1);
  CHECK(engine.run("criteria").output == "criteria|1|active\n");
  unsetenv("OMP_WAIT_POLICY");
  std::filesystem::remove(engine.folder.path / "bench-engine");
  const Ran alone = engine.run("criteria");
  CHECK(alone.code == 1);
  CHECK(contains(alone.output, "needs bench-engine"));
}

TEST_CASE("reproduce lists papers, joins a table, and needs no database", "[front]") {
  TempDir folder;
  setenv("BENCH_HOME", root().c_str(), 1);
  const Ran papers = run("reproduce");
  CHECK(papers.code == 0);
  CHECK(contains(papers.output, "Wanda\n  Table 2 "));
  CHECK(contains(run("reproduce sparsegpt").output, "Table 1 "));
  const Ran wrong = run("reproduce wanda:tabel3");
  CHECK(wrong.code == 2);
  CHECK(contains(wrong.output, "did you mean Table 3"));
  CHECK(run("reproduce wnada").code == 2);
  const Ran sheet =
      run("reproduce wanda:table3 --format csv --db '" + (folder.path / "none.db").string() + "'");
  CHECK(sheet.code == 1);  // a database that is named must be there
  const std::string db = (folder.path / "a.db").string();
  {
    Store store(db);
    Size size;
    size.models = 1;
    fill(store, size);
  }
  const Ran joined = run("reproduce wanda:table3 --format csv --db '" + db + "'");
  CHECK(joined.code == 0);
  CHECK(contains(joined.output, "Wanda,Table 3,LLaMA-7B,Wanda,2:4,0.5,none,ppl,wikitext2@2048"));
  CHECK(contains(joined.output, ",missing,"));
  CHECK(contains(joined.output, "bench run configs/reproduce.yaml"));
  const Ran mapped = run("reproduce wanda:table3 --model LLaMA-7B=stories260k --db '" + db + "'");
  CHECK(contains(mapped.output, "wikitext2@512 is another number"));
  CHECK(run("reproduce wanda:table3 --model nonsense --db '" + db + "'").code == 2);
}
