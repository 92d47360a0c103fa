#include "models/described.h"

#include "models/checkpoint.h"

namespace bench {

void check_checkpoint(const std::filesystem::path& path) {
  const auto files = files_of_model(path);
  const bool described = std::any_of(files.begin(), files.end(),
                                     [](const auto& f) { return f.extension() == ".safetensors"; });
  const bool other = std::any_of(files.begin(), files.end(), [](const auto& f) {
    const auto e = f.extension();
    return e == ".gguf" || e == ".bin" || e == ".th" || e == ".pth" || e == ".pt" || e == ".ckpt" ||
           e == ".tar";
  });
  if (other && !described) return;
  auto c = read_checkpoint(path);  // mapped; says what is missing
  for (auto& [name, t] : c.tensors) t = at::empty(t.sizes(), t.options().device(at::kMeta));
  try {
    build_model(c);
  } catch (const c10::Error&) {
    // The family looks at values while it is built: what is wrong shows when it is loaded.
  }
}

}  // namespace bench
