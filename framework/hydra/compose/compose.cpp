#include "hydra/compose/compose.h"

#include <algorithm>

#include "base/error.h"
#include "base/near.h"
#include "hydra/compose/composer.h"
#include "hydra/compose/merge.h"

namespace bench {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> folders(const ComposeRequest& request) {
  auto root = request.root.empty() ? request.primary.parent_path() : request.root;
  if (root.empty()) root = ".";
  if (!fs::is_directory(root))
    fail("{}: no such folder; the primary config's folder is where its groups are looked up",
         root.string());
  std::vector<fs::path> all{root};
  for (const auto& folder : request.search_path) {
    if (!fs::is_directory(folder)) fail("{}: no such folder (--config-dir)", folder.string());
    all.push_back(folder);
  }
  return all;
}

std::optional<std::string> primary_name(const ComposeRequest& request) {
  if (request.primary.empty()) return std::nullopt;
  auto path = request.root.empty() ? request.primary.filename() : request.primary;
  auto name = path.generic_string();
  if (request.root.empty() && path.extension() == ".yaml") name.erase(name.size() - 5);
  return name;
}

/// {"a": {"b": config}} for the package a.b; empty names count (the group a//b).
Value embedded(const Value& config, const std::string& package) {
  if (package.empty()) return config;
  Value whole{Value::Map{}};
  update(whole, package, config, {false, true, false});
  return whole;
}

std::string dirname_of(const std::vector<Override>& overrides) {
  std::vector<std::string> lines;
  for (const auto& o : overrides)
    if (!is_setting(o)) lines.push_back(o.input);
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) text += (text.empty() ? "" : ",") + line;
  return text;
}

}  // namespace

ResolveContext Composition::context(std::time_t now) const {
  ResolveContext context;
  context.settings = settings;
  context.override_dirname = override_dirname;
  context.now = now;
  return context;
}

Composer::Composer(const ComposeRequest& request)
    : request_(request), repository_(folders(request)), primary_(primary_name(request)) {}

Options Composer::options() const {
  return [this](const std::string& group) { return repository_.options(group); };
}

void Composer::add_search_path(const Value& paths, const char* provider) {
  if (paths.is_null()) return;
  if (!paths.is_list()) fail("hydra.searchpath must be a list of strings ({})", provider);
  for (const auto& path : paths.list()) {
    if (!path.is_string()) fail("hydra.searchpath must be a list of strings ({})", provider);
    auto folder = path.string();
    if (folder.rfind("file://", 0) == 0) folder = folder.substr(7);
    const auto& known = repository_.search_path();
    if (!fs::is_directory(folder)) fail("{}: no such folder (hydra.searchpath)", folder);
    if (std::find(known.begin(), known.end(), fs::path(folder)) == known.end())
      repository_.add(folder);
  }
}

Value Composer::merged(const std::vector<FinalDefault>& list) {
  Value whole{Value::Map{}};
  for (const auto& one : list) {
    const auto file = repository_.load(one.config_path);
    if (one.primary && !file->config.is_map())
      fail(
          "primary config '{}' must be a DictConfig, got ListConfig; write `key: value` "
          "lines",
          one.config_path);
    try {
      Value config = file->config;
      if (one.primary) config.erase("sweep");  // describes jobs, is in none of them
      merge_into(whole, embedded(config, one.package));
    } catch (const Error& e) {
      fail("In '{}': ConfigTypeError raised while composing config:\n{}", one.config_path,
           e.what());
    }
  }
  return whole;
}

std::shared_ptr<const Composition> Composer::base(const std::vector<Override>& overrides,
                                                  bool skip_missing) {
  std::string key(1, skip_missing ? '+' : '-');
  std::vector<Override> choosing;
  for (const auto& o : overrides) {
    if (o.package || edits_defaults(o, repository_)) choosing.push_back(o), key += '\n' + o.input;
  }
  auto& slot = bases_[key];
  if (slot) return slot;
  auto composition = std::make_shared<Composition>();
  if (primary_) {
    const auto file = repository_.load(*primary_);
    if (file && !file->config.is_map())
      fail(
          "primary config '{}' must be a DictConfig, got ListConfig; write `key: value` "
          "lines",
          *primary_);
    if (const Value* sweep = file ? file->config.find("sweep") : nullptr)
      composition->sweep = *sweep;
    if (const Value* settings = file ? file->config.find("hydra") : nullptr)
      if (const Value* paths = settings->find("searchpath")) add_search_path(*paths, "in main");
  }
  auto result = create_defaults_list(repository_, primary_, choosing, skip_missing);
  composition->config = merged(result.list);
  Value& config = composition->config;
  const Value* settings = config.find("hydra");
  composition->settings = settings && settings->is_map() ? *settings : Value(Value::Map{});
  config.erase("hydra");
  composition->defaults = std::move(result.list);
  composition->tree = std::move(result.tree);
  for (const auto& [group, option] : result.choices)
    composition->choices[group] = option.value_or("null");
  composition->search_path = repository_.search_path();
  Value choices{Value::Map{}};
  for (const auto& [group, option] : result.choices)
    choices.set(group, option ? Value(*option) : Value());
  update(composition->settings, "runtime.choices", choices, {false, true, false});
  return slot = composition;
}

Composition Composer::compose(const std::vector<Override>& overrides, bool skip_missing) {
  for (const auto& o : overrides)
    if (o.key == "hydra.searchpath" && o.value) add_search_path(o.plain_value(), "in command-line");
  Composition result = *base(overrides, skip_missing);
  result.override_dirname = dirname_of(overrides);
  update(result.settings, "job.override_dirname", result.override_dirname, {false, true, true});
  std::vector<const Override*> values;
  for (const auto& o : overrides) {
    if (o.is_sweep()) continue;
    if (is_setting(o)) {
      if (o.key.rfind("hydra/", 0) == 0)
        fail(
            "Could not override '{}'. There is no such group: launchers and sweepers are chosen "
            "by `launcher=`",
            o.key);
      update(result.settings, o.key.substr(6), o.plain_value(), {false, true, true});
    } else if (!edits_defaults(o, repository_)) {
      if (o.package)
        fail(
            "Override {} looks like a config group override, but config group '{}' does not "
            "exist.{}",
            o.input, o.key, suggestion(o.key, repository_.all_groups()).erase(0, 1));
      values.push_back(&o);
    }
  }
  apply_overrides(result.config, values, result.context(request_.now));
  return result;
}

Composition compose(const ComposeRequest& request) {
  Composer composer(request);
  const auto overrides = parse_overrides(request.overrides);
  check_sweeps_allowed(overrides, request.multirun);
  return composer.compose(overrides, request.multirun);
}

}  // namespace bench
