// Templates in the forms that lm-eval's task files use.
#include "jinja/jinja.h"

#include "hydra/yaml/yaml.h"
#include "test.h"
#include "jinja/python_regex.h"
#include "jinja/python_string.h"

using namespace bench;
using namespace bench::test;
using bench::text::Template;

namespace {

/// The first line of the file.
const Value& document() {
  static const Value all = [] {
    std::ifstream in(root() / "tests/golden/jinja.jsonl");
    std::string line;
    std::getline(in, line);
    return *load_yaml(line, "jinja.jsonl").find("document");
  }();
  return all;
}

std::string rendered(const std::string& source) {
  return Template(source).render(document());
}
std::string problem(const std::string& source) {
  return error_of([&] { rendered(source); });
}

}  // namespace

TEST_CASE("jinja: what jinja2 3.1.6 renders", "[jinja]") {
  // Recorded with StrictUndefined, keep_trailing_newline and lm-eval's regex_replace.
  std::ifstream in(root() / "tests/golden/jinja.jsonl");
  std::string line;
  int cases = 0;
  while (std::getline(in, line)) {
    const auto record = load_yaml(line, "jinja.jsonl");  // JSON is YAML
    if (!record.find("template")) continue;
    INFO(record.find("template")->string());
    CHECK(rendered(record.find("template")->string()) == record.find("rendered")->string());
    ++cases;
  }
  CHECK(cases > 50);
}

TEST_CASE("jinja: evaluate gives lists and numbers as they are", "[jinja]") {
  const auto list = Template("{{[question, text]}}").evaluate(document());
  REQUIRE(list.is_list());
  CHECK(list.list()[1].string() == "the last word counts");
  CHECK(Template("['a', \"b'c\"]").evaluate(document()).list()[1].string() == "b'c");
  CHECK(Template("{{label}}").evaluate(document()) == Value(1));
  CHECK(Template("x{{label}}").evaluate(document()) == Value("x1"));
}

TEST_CASE("jinja: mistakes are sentences with the place", "[jinja]") {
  CHECK(contains(problem("{{questoin}}"), "'questoin' is not defined; the document has: question"));
  CHECK(contains(problem("a\n{{ 1 + }}"), "line 2"));
  CHECK(contains(problem("{{ question"), "never closed"));
  CHECK(contains(problem("{% if label %}x"), "never closed"));
  CHECK(contains(problem("{% endif %}"), "closes nothing"));
  CHECK(contains(problem("{% macro f() %}{% endmacro %}"), "macro"));
  CHECK(contains(problem("{{question|shuffle}}"), "'shuffle' is not supported"));
  CHECK(contains(problem("{{question.encode()}}"), "encode"));
  CHECK(contains(problem("{{1 / 0}}"), "division"));
  CHECK(contains(problem("{{question - 1}}"), "string - int"));
  CHECK(contains(problem("{{9223372036854775807 + 1}}"), "too large"));
  CHECK(contains(problem("{{choices.text.index('six')}}"), "not in the list"));
}

TEST_CASE("jinja: text that is no UTF-8 is refused, or cut without leaving it", "[jinja]") {
  CHECK(contains(problem("{{ \"\xe9\xff\"[0:] }}"), "not valid UTF-8 at byte 4"));
  const Value broken(Value::Map{{"a", Value(std::string("\xe9\xff\xff\xffon"))}});
  CHECK(Template("{{ a[0:]|length == a|length }}").render(broken) == "True");
}

TEST_CASE("jinja: nothing hangs or fills the memory", "[jinja]") {
  CHECK(!problem("{{ 'a' * 10000000000 }}").empty());
  CHECK(!problem("{{ ('a' * 1000000).replace('a', 'a' * 1000000) }}").empty());
  CHECK(!problem("{% for a in range(100000000) %}x{% endfor %}").empty());
  CHECK(!problem("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")
             .empty());
  std::string doubling;
  for (int i = 0; i < 60; ++i) doubling += "{% set x = [x, x] %}";
  CHECK(!problem("{% set x = [1] %}" + doubling + "{{x}}").empty());
  CHECK(!problem("{{" + std::string(5000, '(') + "1" + std::string(5000, ')') + "}}").empty());
  CHECK(!problem("{{" + std::string(5000, '-') + "1}}").empty());
}

TEST_CASE("Python's words on strings", "[jinja]") {
  using namespace bench::text;
  CHECK(capitalize("hELLO World") == "Hello world");
  CHECK(strip("\xC2\xA0 a b \x1c\n") == "a b");
  CHECK(count_split_pieces(" a  b ") == 4);
  CHECK(count_split_pieces("") == 1);
  CHECK(split("a,,b", ",") == std::vector<std::string>{"a", "", "b"});
  CHECK(split_blanks("  a \t b\n") == std::vector<std::string>{"a", "b"});
  CHECK(replace_all("aaa", "aa", "b") == "ba");
}

TEST_CASE("Python's regular expressions", "[jinja]") {
  using bench::text::PythonRegex;
  CHECK(PythonRegex("#### (\\-?[0-9\\.\\,]+)").find_all("x #### 1,234\n#### 5")[0][0] == "1,234");
  CHECK(PythonRegex("(a)|(b)").find_all("ab")[1] == std::vector<std::string>{"", "b"});
  CHECK(PythonRegex("x*").find_all("axb").size() == 4);  // '', 'x', '', ''
  CHECK(PythonRegex("\\s+").sub("a  b\tc", " ") == "a b c");
  CHECK(PythonRegex("(\\w)(\\d)").sub("a1 b2", "\\2\\g<1>") == "1a 2b");
  CHECK(PythonRegex("ANSWER", true).find_all("answer").size() == 1);
  CHECK(contains(error_of([] { PythonRegex("(a"); }), "not understood"));
  CHECK(!error_of([] { PythonRegex("(a+)+$").find_all(std::string(40, 'a') + "b"); }).empty());
}

TEST_CASE("jinja: numbers, rounding, namespaces and JSON as jinja2 3.1.6 has them", "[jinja]") {
  CHECK(rendered("{{1e10}} {{1E-3}} {{0x1f}} {{0b11}} {{0o17}} {{1_000}} {{1_0.5_0}}") ==
        "10000000000.0 0.001 31 3 15 1000 10.5");
  CHECK(rendered("{{2.675|round(2)}} {{3|round}} {{3|round(1)}} {{2.5|round}} {{3.5|round}} "
                 "{{2.675|round(1,'floor')}} {{3|round(0,'ceil')}} {{1234.5|round(-2)}}") ==
        "2.67 3 3 2.0 4.0 2.6 3.0 1200.0");
  CHECK(rendered("{% set ns = namespace(x=0) %}{% for i in [1,2.5] %}{% set ns.x = ns.x + i %}"
                 "{% endfor %}{{ns.x}}") == "3.5");
  CHECK(rendered("{{dict(a=1,b='x')}}") == "{'a': 1, 'b': 'x'}");
  CHECK(
      rendered("{{{'b':[1,none,true],'a':\"it's <b> & \\\"x\\\" é😀\"}|tojson}}") ==
      R"({"a": "it\u0027s \u003cb\u003e \u0026 \"x\" \u00e9\ud83d\ude00", "b": [1, null, true]})");
  CHECK(rendered("{{[{'k':1}]|tojson(indent=2)}}") == "[\n  {\n    \"k\": 1\n  }\n]");
  CHECK(rendered("{{'0x1f'|int(base=16)}} {{'0x10'|int}} {{'1e3'|int}} {{'ff'|int(0,16)}}") ==
        "31 0 1000 255");
}

TEST_CASE("jinja: what costs too much is said, not waited for", "[jinja]") {
  for (const char* hungry : {"{{range(100000)|select('in', range(100000))|list|length}}",
                             "{{range(100000)|unique|list|length}}",
                             "{% for i in range(100000) %}{{i in range(100000)}}{% endfor %}"}) {
    INFO(hungry);
    CHECK(contains(problem(hungry), "takes too long"));
  }
}

TEST_CASE("jinja: chat templates as transformers renders them", "[jinja]") {
  // Recorded with jinja2 3.1.6: trim_blocks, lstrip_blocks, loop controls, the default Undefined.
  std::ifstream in(root() / "tests/golden/chat_templates.jsonl");
  std::string line;
  int cases = 0;
  for (; std::getline(in, line); ++cases) {
    auto document = *load_yaml(line, "chat_templates.jsonl").find("messages");
    const auto record = load_yaml(line, "chat_templates.jsonl");
    Value names{Value::Map{}};
    names.set("messages", std::move(document));
    names.set("add_generation_prompt", *record.find("add_generation_prompt"));
    names.set("bos_token", "<s>");
    names.set("eos_token", "</s>");
    INFO(line);
    const auto render = [&] {
      return Template(record.find("template")->string(), "chat", Template::Style::Chat)
          .render(names);
    };
    if (record.find("text")->is_null())
      CHECK(!error_of(render).empty());
    else
      CHECK(render() == record.find("text")->string());
  }
  CHECK(cases == 24);
  // What chat templates have is not there in a task's.
  CHECK(contains(problem("{% break %}"), "break"));
  CHECK(contains(problem("{{ missing }}"), "missing"));
}
