// A model as a Hugging Face folder, and back.
#include "models/hub_folder.h"

#include <fstream>

#include "fixture.h"

using namespace bench;
using namespace bench::test;

namespace {

std::unique_ptr<Model> again(const std::filesystem::path& folder) {
  return build_model(read_checkpoint(folder));
}

/// The first `count` units of each group of a kind go; of every second block one more.
void cut(Model& model, const std::string& kind, int64_t count, bool uneven = false) {
  for (auto& g : model.groups(kind)) {
    auto keep = at::ones({g.units}, at::kBool);
    keep.slice(0, 0, count + (uneven && g.block % 2)) = false;
    shrink(g, keep);
  }
}

}  // namespace

TEST_CASE("hub folder: every family comes back bit for bit, tensors in the stored order", "[hub]") {
  for (const auto& family : decoder_families()) {
    INFO(family);
    auto source = tiny_checkpoint(family);
    const auto model = build_model(source);
    const TempDir dir;
    write_hub_folder(*model, source, false, dir.path);
    const auto back = again(dir.path);
    CHECK(weight_hash(*back) == weight_hash(*model));
    CHECK(at::equal(tiny_logits(*back), tiny_logits(*model)));
    // As transformers wrote it, Conv1D of GPT-2 included.
    const auto written = read_safetensors((dir.path / "model.safetensors").string());
    for (const auto& [name, t] : source.tensors)
      if (written.count(name)) CHECK(at::equal(written.at(name), t));
  }
}

TEST_CASE("hub folder: uniform widths are config keys, others need a layout of their own",
          "[hub]") {
  for (const auto& family : decoder_families())
    for (const std::string kind : {"neuron", "head"}) {
      INFO(family << " " << kind);
      auto source = tiny_checkpoint(family);
      const auto model = build_model(source);
      cut(*model, kind, 1);
      const bool derived = family == "bloom" || (kind == "head" && family != "llama" &&
                                                 family != "mistral" && family != "qwen2");
      const TempDir dir;
      if (derived) {
        const auto why = error_of([&] { write_hub_folder(*model, source, false, dir.path); });
        CHECK(contains(why, "derives the " + kind + "s"));
        CHECK(contains(why, "--padded"));
        continue;
      }
      write_hub_folder(*model, source, false, dir.path);
      CHECK(at::equal(tiny_logits(*again(dir.path)), tiny_logits(*model)));
    }
}

TEST_CASE("hub folder: a narrower residual stream, and blocks that are gone", "[hub]") {
  auto source = tiny_checkpoint("llama");
  {
    const auto model = build_model(source);
    cut(*model, "hidden", 4);
    const TempDir dir;
    write_hub_folder(*model, source, false, dir.path);
    CHECK(at::equal(tiny_logits(*again(dir.path)), tiny_logits(*model)));
    CHECK(read_checkpoint(dir.path).config.at("hidden_size") == 20);
  }
  const auto model = build_model(source);
  auto g = model->groups("block").at(1);
  shrink(g, at::zeros({g.units}, at::kBool));
  for (const bool compact : {false, true}) {
    const TempDir dir;
    CHECK(contains(error_of([&] { write_hub_folder(*model, source, compact, dir.path); }),
                   "gone as a whole"));
  }
}

TEST_CASE("hub folder: blocks of different widths are refused, or written compactly", "[hub]") {
  for (const auto& family : decoder_families()) {
    INFO(family);
    auto source = tiny_checkpoint(family);
    const auto model = build_model(source);
    cut(*model, "neuron", 2, true);
    cut(*model, "head", 0, true);
    const TempDir dir;
    CHECK(contains(error_of([&] { write_hub_folder(*model, source, false, dir.path); }),
                   "one width for all"));
    write_hub_folder(*model, source, true, dir.path);
    const auto back = again(dir.path);
    CHECK(at::equal(tiny_logits(*back), tiny_logits(*model)));
    CHECK(weight_hash(*back) == weight_hash(*model));
  }
}
