// docs/inputs.md: what loads, what is refused, with which sentence. The sentences are those that
// the readers say to files made here; BENCH_UPDATE=1 writes the page anew.
#include <nlohmann/json.hpp>

#include "data/text_source.h"
#include "inputs/program.h"
#include "models/checkpoint.h"
#include "data/documents.h"
#include "tasks/prompts.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Row {
  std::string what, said;
};

class Table {
 public:
  std::string text() const {
    std::string out;
    for (const auto& r : rows_) out += "| " + r.what + " | " + r.said + " |\n";
    return out;
  }
  /// A data file of that text.
  void data(const std::string& what, const std::string& name, const std::string& text) {
    const auto file = write(name, text);
    add(what, error_of([&] { read_documents_of(file, 0); }));
  }
  void task(const std::string& what, const std::string& yaml, int64_t shots = -1) {
    write("d.jsonl", "{\"q\": \"x\", \"a\": \"y\", \"c\": [\"y\"]}\n");
    const auto file = write("t.yaml", "task: t\n" + yaml);
    add(what, error_of([&] { Prompts(read_task(file), shots, "").questions(0); }));
  }
  void model(const std::string& what, const std::string& name, const std::string& bytes) {
    const auto file = write(name, bytes);
    add(what, error_of([&] { build_model(read_checkpoint(file)); }));
  }

 private:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.path / name, std::ios::binary) << text;
    return (dir_.path / name).string();
  }
  void add(const std::string& what, std::string said) {
    for (size_t at; (at = said.find(dir_.path.string() + "/")) != std::string::npos;)
      said.erase(at, dir_.path.string().size() + 1);
    for (size_t at = 0; (at = said.find('|', at)) != std::string::npos; at += 2)
      said.insert(at, "\\");
    rows_.push_back({what, said.empty() ? "*read*" : said});
  }
  TempDir dir_;
  std::vector<Row> rows_;
};

const std::string kTask =
    "dataset_path: d.jsonl\ntest_split: test\noutput_type: generate_until\n"
    "doc_to_text: q\ndoc_to_target: a\n";

std::string refused() {
  Table t;
  t.data("JSON lines with Python's NaN", "n.jsonl", "{\"a\": NaN}\n");
  t.data("JSON lines with a mark of byte order", "b.jsonl", "\xEF\xBB\xBF{\"a\": 1}\n");
  t.data("a line that is no JSON", "l.jsonl", "{\"a\": 1}\n{a}\n");
  t.data("a whole number beyond 64 bits", "i.jsonl", "{\"a\": 18446744073709551615}\n");
  t.data("JSON that nests without end", "d.json", std::string(500, '['));
  t.data("text that is not UTF-8", "u.jsonl", "{\"a\": \"\xff\"}\n");
  t.data("CSV with typed columns, quotes over lines", "c.csv", "a,b\n1,\"x\ny\"\n");
  t.data("CSV whose quote never closes", "q.csv", "a\n\"x\n");
  t.data("CSV whose record is too long", "r.csv", "a\n1,2\n");
  t.data("another kind of file", "x.parquet", "PAR1");
  t.task("a task file of lm-eval", kTask);
  t.task("a key that lm-eval does not have", kTask + "doc_to_txt: x\n");
  t.task("a key of dataset_kwargs that changes what is read",
         kTask + "dataset_kwargs: {field: data}\n");
  t.task("several files of one split",
         "dataset_path: json\ndataset_kwargs: {data_files: {test: [d.jsonl, e.jsonl]}}\n"
         "test_split: test\ndoc_to_text: q\ndoc_to_target: a\n");
  t.task("examples of a split without a file", kTask + "training_split: train\n", 2);
  t.task("more examples than documents", kTask, 2);
  t.task("a filter that is not built",
         kTask + "filter_list: [{name: x, filter: [{function: map}]}]\n");
  t.task("a data set of the hub",
         "dataset_path: allenai/x\ntest_split: test\ndoc_to_text: q\ndoc_to_target: a\n");
  t.model("a file of torch.save that is none", "x.pth", "hello");
  t.model("a GGUF file that is cut off", "x.gguf", std::string("GGUF\x03\0\0\0", 8));
  return t.text();
}

}  // namespace

TEST_CASE("inputs: the page says what the readers say", "[inputs]") {
  const auto page = root() / "docs/inputs.md";
  const std::string begin = "| what | answer |\n| :-- | :-- |\n";
  auto text = slurp(page);
  const auto at = text.find(begin);
  REQUIRE(at != std::string::npos);
  const auto from = at + begin.size();
  auto end = text.find("\n\n", from);
  end = end == std::string::npos ? text.size() : end + 1;
  const auto made = refused();
  if (std::getenv("BENCH_UPDATE")) {
    text.replace(from, end - from, made);
    std::ofstream(page) << text;
  }
  CHECK(text.substr(from, made.size()) == made);
}
