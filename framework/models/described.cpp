#include "models/described.h"

#include <fstream>

#include "formats/drawn.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

bool any_of_kind(const fs::path& path, const std::vector<std::string>& endings) {
  const auto files = files_of_model(path);
  return std::any_of(files.begin(), files.end(), [&](const fs::path& f) {
    return std::find(endings.begin(), endings.end(), f.extension().string()) != endings.end();
  });
}

/// What read_checkpoint() makes of a config.json alone, but for its values.
Checkpoint drawn_checkpoint(const fs::path& file) {
  std::ifstream in(file);
  Checkpoint c;
  c.folder = file.parent_path();
  c.config = nlohmann::json::parse(in);
  c.tensors = drawn_tensors(c.config.at("drawn"), file.string(), /*described=*/true);
  c.type_ = c.config.value("model_type", std::string());
  return c;
}

}  // namespace

bool is_drawn(const fs::path& path) {
  const auto file = fs::is_directory(path) ? path / "config.json" : path;
  if (file.filename() != "config.json" || any_of_kind(path, {".safetensors", ".gguf", ".bin"}))
    return false;
  std::ifstream in(file);
  const auto config = nlohmann::json::parse(in, nullptr, false);
  return config.is_object() && config.contains("drawn");
}

std::optional<Checkpoint> described_checkpoint(const fs::path& path) {
  if (is_drawn(path))
    if (auto c = drawn_checkpoint(fs::is_directory(path) ? path / "config.json" : path);
        !c.type_.empty())
      return c;
  if (any_of_kind(path, {".gguf", ".bin", ".th", ".pth", ".pt", ".ckpt", ".tar"}) &&
      !any_of_kind(path, {".safetensors"}))
    return {};
  auto c = read_checkpoint(path);  // mapped; says what is missing
  for (auto& [name, t] : c.tensors) t = at::empty(t.sizes(), t.options().device(at::kMeta));
  return c;
}

void check_checkpoint(const fs::path& path) {
  const auto c = described_checkpoint(path);
  if (!c) return;
  try {
    build_model(*c);
  } catch (const c10::Error&) {
    // The family looks at values while it is built: what is wrong shows when it is loaded.
  }
}

}  // namespace bench
