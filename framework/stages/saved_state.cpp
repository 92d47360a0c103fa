#include "stages/saved_state.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

namespace bench {

Tensor SavedState::find(const std::string& name, const at::Device& device) const {
  const auto it = tensors.find(name);
  return it == tensors.end() ? Tensor() : it->second.clone().to(device);
}

void save_state(const std::string& file, const std::string& key, const SavedState& state) {
  if (file.empty()) return;
  TensorMap there;
  for (const auto& [name, t] : state.tensors)
    if (t.defined()) there[name] = t.detach().cpu().contiguous();
  std::map<std::string, std::string> words{{"key", key}, {"step", std::to_string(state.step)}};
  for (const auto& [name, value] : state.numbers)
    words["number|" + name] = fmt::format("{}", value);
  const auto folder = std::filesystem::path(file).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder);
  write_safetensors(file, there, words);
}

namespace {

template <class T>
bool parse(const std::map<std::string, std::string>& words, const std::string& name, T& out) {
  const auto it = words.find(name);
  if (it == words.end()) return false;
  const auto* end = it->second.data() + it->second.size();
  const auto [p, error] = std::from_chars(it->second.data(), end, out);
  return error == std::errc() && p == end;
}

}  // namespace

std::optional<SavedState> load_state(const std::string& file, const std::string& key,
                                     const std::vector<std::string>& numbers) {
  if (file.empty() || !std::filesystem::exists(file)) return {};
  const auto words = read_safetensors_metadata(file);
  const auto whose = words.find("key");
  SavedState state;
  if (whose == words.end() || whose->second != key) return {};
  if (!parse(words, "step", state.step)) return {};
  for (const auto& name : numbers)
    if (!parse(words, "number|" + name, state.numbers[name])) return {};
  state.tensors = read_safetensors(file);
  return state;
}

void remove_state(const std::string& file) {
  if (!file.empty()) std::filesystem::remove(file);
}

}  // namespace bench
