#include "hydra/override/override.h"

#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;

namespace {
std::string value(const std::string& input) {
  return to_json(parse_override(input).plain_value());
}
std::string sweep(const std::string& input, uint64_t seed = 0) {
  const auto o = parse_override(input);
  REQUIRE(o.is_sweep());
  std::string text;
  const Options options = [](const std::string&) {
    return std::vector<std::string>{"adam", "adamw", "sgd"};
  };
  for (const auto& one : sweep_values(o.sweep(), o.key, options, seed))
    text += (text.empty() ? "" : " ") + element_text(one);
  return text;
}
std::string error(const std::string& input) {
  return error_of([&] { parse_override(input); });
}
}  // namespace

TEST_CASE("values of overrides have the types of specification 1.2", "[config]") {
  CHECK(value("a=1_000") == "1000");
  CHECK(value("a=1.") == "1.0");
  CHECK(value("a=True") == "true");
  CHECK(value("a=None") == "\"None\"");
  CHECK(value("a=") == "\"\"");
  CHECK(value("a= x ") == "\"x\"");
  CHECK(value("a='1'") == "\"1\"");
  CHECK(value("a=012") == "\"012\"");
  CHECK(value("a=x\\,y") == "\"x,y\"");
  CHECK(value("a=x${b}y") == "\"x${b}y\"");
  CHECK(value("a={x y:1, z:[1,{}]}") == R"({"x y": 1, "z": [1, {}]})");
  CHECK(value(R"(a="abc\\\"def\\\'ghi\\\\")") == R"("abc\\\"def\\\\\\'ghi\\\\")");
}

TEST_CASE("prefixes, groups and packages", "[config]") {
  const auto o = parse_override("++a/b@c.d=e");
  CHECK(o.type == Override::Type::ForceAdd);
  CHECK(o.key == "a/b");
  CHECK(o.package == "c.d");
  CHECK(o.key_text() == "++a/b@c.d");
  CHECK(parse_override("a@=b").package == "");
  CHECK_FALSE(parse_override("~a").value.has_value());
  for (const char* legal : {"a.0=1", "$a=1", "a.b-c=1", "=1"}) CHECK(error(legal).empty());
}

TEST_CASE("what the grammar refuses shows a caret", "[config]") {
  for (const char* bad : {"-a=1", "a==b", "a=x=y", "a=a'b'", "a=[1", "a=~x", "a=#x", "a@b:c=1",
                          "a/b.c=1", "a=${b.${c}}", "a='x", "a b=1", "foo"}) {
    CAPTURE(bad);
    CHECK(contains(error(bad), "^"));
  }
  CHECK(contains(error("a=chioce(1,2)"), "did you mean choice?"));
  CHECK(contains(error("a=" + std::string(500, '[')), "nested too deep"));
  CHECK(contains(error("a=" + std::string(70'000, 'x')), "at most"));
}

TEST_CASE("sweeps enumerate in order", "[config]") {
  CHECK(sweep("a=1,null,'x y'") == "1 null 'x y'");
  CHECK(sweep("a=choice(b,c)") == "b c");
  CHECK(sweep("a=range(3)") == "0 1 2");
  CHECK(sweep("a=range(0,10,3.3)") == "0.0 3.3 6.6 9.9");
  CHECK(sweep("a=range(5,0,-2)") == "5 3 1");
  CHECK(sweep("a=range(0.1,0.5,0.1)") == "0.1 0.2 0.3 0.4");
  CHECK(sweep("a=sort(range(0,5,2),reverse=true)") == "4 2 0");
  CHECK(sweep("a=sort(3,1,2)") == "1 2 3");
  CHECK(sweep("a=glob([a*,s*],exclude=*w)") == "adam sgd");
  CHECK(sweep("a=int(choice(1.5,'2'))") == "1 2");
  CHECK(contains(error_of([] { sweep("a=interval(0,1)"); }), "INTERVAL_SWEEP"));
  CHECK(contains(error_of([] { sweep("a=range(0,1,0)"); }), "may not be 0"));
  CHECK(contains(error_of([] { sweep("a=range(100000000)"); }), "more than 100000"));
}

TEST_CASE("shuffle depends on the seed alone (trap T9)", "[config]") {
  const auto once = sweep("a=shuffle(range(20))", 7);
  CHECK(once == sweep("a=shuffle(range(20))", 7));
  CHECK(once != sweep("a=shuffle(range(20))", 8));
  CHECK(once != sweep("a=range(20)"));
}

TEST_CASE("text written again parses to the same value", "[config]") {
  for (const char* text : {"a=x\\,y", "a='it\\'s'", "a=[1,{b:'c d'}]", "a=\\{\\}", "a=inf",
                           "a=null", "a=\"end\\\\\\\\\"", "a=1e-05", "a=${b}", "a=x\\ y"}) {
    CAPTURE(text);
    const auto o = parse_override(text);
    const auto again = parse_override("a=" + element_text(*o.value));
    CHECK(to_json(o.plain_value()) == to_json(again.plain_value()));
  }
  for (const Value& v : {Value("1"), Value("a,b"), Value(""), Value(2.0), Value("null"),
                         Value(Value::List{Value("true"), Value(1)})})
    CHECK(element_value(parse_override_value(element_text(element_of(v)))) == v);
}
