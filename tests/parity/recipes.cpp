// Which configuration of this project a recorded method is: scores and how they are split.
#include "parity/recipes.h"

namespace bench::verify {
namespace {

std::map<std::string, MakeRecipe>& all() {
  static std::map<std::string, MakeRecipe> recipes;
  return recipes;
}

std::optional<Recipe> by_its_name(const Json& record) {
  return Recipe{{record.at("method").get<std::string>()}};
}
const RecordedAs kPlain({"magnitude", "wanda", "wanda_variant"}, by_its_name);

Recipe by_gradient(const Json& record, const char* criterion, Value::Map more) {
  const auto p = parameters(record);
  more.push_back({"norm", Value(p.value("gradient", std::string("l2")))});
  more.push_back({"scale", number(p, "scale", 100)});
  more.push_back({"precision", Value("float16")});
  return {{criterion, more}};
}
const RecordedAs kGblm({"gblm"}, [](const Json& r) -> std::optional<Recipe> {
  return by_gradient(r, "gblm", {});
});
const RecordedAs kGradient({"gradient_times_weight"}, [](const Json& r) -> std::optional<Recipe> {
  return by_gradient(r, "gblm", {{"activations", Value(false)}});
});
const RecordedAs kPrunerZero({"pruner_zero"}, [](const Json& r) -> std::optional<Recipe> {
  return by_gradient(r, "pruner_zero",
                     {{"score", Value(parameters(r).at("tree").get<std::string>())}});
});

const RecordedAs kRia({"ria"}, [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  const std::map<std::string, std::string> importance{{"sum", "sum"},
                                                      {"retained_degree_unstructured", "layer"},
                                                      {"retained_degree_per_outneuron", "row"}};
  const auto by = importance.find(p.value("importance_score", std::string("sum")));
  if (by == importance.end() || p.value("gptq", false) || p.value("fast", false))
    return std::nullopt;
  Recipe how{{"ria", {{"power", number(p, "a", 0.5)}, {"importance", Value(by->second)},
                      {"share", number(p, "sparsity_ratio", 0.5)}}}};
  if (p.value("reallocation", false) && !r.at("pattern").at("keep_n").is_null())
    how.criterion.settings.push_back(
        {"reallocation", Value(std::string(p.value("lsa", false) ? "assign" : "deal"))});
  if (p.value("per_outneuron", false)) how.contest = Contest::Row;
  // Only the unstructured branch repairs (lib/prune.py:405-417).
  if (p.value("reconstruction", false) && r.at("pattern").at("keep_n").is_null())
    how.updates = {{"obs", {}}};
  return how;
});


}  // namespace

RecordedAs::RecordedAs(std::initializer_list<const char*> methods, MakeRecipe make) {
  for (const char* m : methods) all()[m] = make;
}

Json parameters(const Json& record) {
  return record.value("parameters", Json::object());
}
Value number(const Json& p, const char* key, double otherwise) {
  return p.contains(key) && p.at(key).is_number() ? Value(p.at(key).get<double>()) : Value(otherwise);
}
Value whole(const Json& p, const char* key, int64_t otherwise) {
  return p.contains(key) && p.at(key).is_number() ? Value(p.at(key).get<int64_t>())
                                                  : Value(otherwise);
}

Recipe ranked_by(const Json& record) {
  const auto method = record.at("method").get<std::string>();
  Recipe how{{method.substr(method.rfind('_') + 1)}};
  if (how.criterion.name == "sparsegpt") how.updates = {{"obs", {{"reselect", Value(true)}}}};
  return how;
}

std::optional<Recipe> recipe_of(const Json& record) {
  const auto it = all().find(record.at("method").get<std::string>());
  if (it == all().end()) return std::nullopt;
  return it->second(record);
}

namespace {

/// n of m that stay. Records without a pattern say in the script's arguments how many go.
void put_pattern(const Json& record, Pattern& pattern) {
  if (record.contains("pattern")) {
    const auto& p = record.at("pattern");
    if (p.at("keep_n").is_null()) return;
    pattern.kind = Pattern::NM;
    pattern.keep = p.at("keep_n");
    pattern.of = p.at("of_m");
    pattern.tail_removed = true;
    return;
  }
  const auto p = parameters(record);
  const char* m = p.contains("prunem") ? "prunem" : p.contains("of_m") ? "of_m" : "prune_m";
  if (p.value(m, 0) == 0) return;
  pattern.kind = Pattern::NM;
  pattern.tail_removed = true;
  pattern.of = p.at(m);
  const char* n = p.contains("prunen") ? "prunen" : "prune_n";
  pattern.keep = p.contains("keep_n") ? p.at("keep_n").get<int64_t>()
                                      : pattern.of - p.at(n).get<int64_t>();
}

}  // namespace

double target_of(const Json& record) {
  if (record.contains("pattern") && record.at("pattern").contains("removed_ratio_argument")) {
    const auto& given = record.at("pattern").at("removed_ratio_argument");
    return given.is_null() ? 0.5 : given.get<double>();
  }
  const auto p = parameters(record);
  for (const char* key : {"sparsity_ratio", "sparsity", "sp"})
    if (p.contains(key) && p.at(key).is_number()) return p.at(key);
  if (p.contains("density")) return 1 - p.at("density").get<double>();
  return 0.5;
}

Method method_of(const Json& record, bool reference_ties) {
  const auto r = *recipe_of(record);
  Method how;
  how.criterion = named<Criterion>("criterion", r.criterion.name, Value(r.criterion.settings));
  how.allocator = named<Allocator>("allocator", r.allocator.name, Value(r.allocator.settings));
  for (const auto& u : r.updates)
    how.updates.push_back(named<Update>("update", u.name, Value(u.settings)));
  put_pattern(record, how.pattern);
  if (how.pattern.kind != Pattern::NM) how.pattern.contest = r.contest;
  how.pattern.reference_ties = reference_ties;
  return how;
}

}  // namespace bench::verify
