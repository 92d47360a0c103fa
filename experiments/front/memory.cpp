// memory: how much pruning a model of given shapes would take, without the model.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "base/near.h"
#include "front/verbs.h"
#include "reports/memory_model.h"

namespace bench::front {
namespace {

namespace fs = std::filesystem;

/// A config.json, a folder that holds one, or a name in data/recorded/shapes.
fs::path config_of(const std::string& name) {
  if (fs::is_directory(name)) return fs::path(name) / "config.json";
  if (fs::exists(name)) return name;
  const auto shapes = checkout("data/recorded/shapes") / "data/recorded/shapes";
  std::vector<std::string> known;
  if (fs::is_directory(shapes))
    for (const auto& f : fs::directory_iterator(shapes)) known.push_back(f.path().stem().string());
  std::sort(known.begin(), known.end());
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw Usage(fmt::format("memory: {} is no config.json, no folder with one, and no known name{}",
                            name, suggestion(name, known)));
  return shapes / (name + ".json");
}

int64_t number(const Options& options, const std::string& flag, int64_t fallback) {
  const auto text = options.get(flag, std::to_string(fallback));
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1)
    throw Usage(fmt::format("memory: {}: '{}' is no whole number above 0", flag, text));
  return value;
}

}  // namespace

int memory(const Options& options) {
  const auto file = config_of(options.arguments[0]);
  std::ifstream in(file);
  const auto config = nlohmann::json::parse(in, nullptr, false);
  const auto shapes = as_usage([&] { return Shapes::from(config, file.string()); });
  MemoryWish wish;
  wish.bytes_per_weight = options.get("--dtype", "float32") == "float32" ? 4 : 2;
  wish.samples = number(options, "--samples", wish.samples);
  wish.length = number(options, "--length", wish.length);
  wish.together = number(options, "--batch-tokens", wish.together);
  const double card = static_cast<double>(options.has("--card") ? number(options, "--card", 1) : 0);
  print(render_memory(shapes, wish, card * 1024 * 1024 * 1024));
  return 0;
}

}  // namespace bench::front
