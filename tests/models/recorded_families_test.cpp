// Logits of small random models as transformers gives them (data/README.md, families): one for each
// word that families share, and the experts that tokens are sent to.
#include "core/mixture.h"
#include "fixture.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Which experts row by row, order aside.
Tensor sets(const Tensor& experts) {
  return std::get<0>(experts.sort(1));
}

/// Recorded pixels are used as they are.
void use_pixels_as_they_are(Model& model) {
  for (auto& named : model.tensors()) {
    if (named.name == "image_mean") *named.tensor = at::zeros_like(*named.tensor);
    if (named.name == "image_std") *named.tensor = at::full_like(*named.tensor, 1.0 / 255);
  }
}

/// The input of a record, whatever the model reads.
Batch recorded_batch(Model& model, const TensorMap& t) {
  if (t.count("pixel_values")) {
    use_pixels_as_they_are(model);
    Batch b;
    b.images = t.at("pixel_values");
    return b;
  }
  const auto& ids = t.at("input_ids");
  const auto* p = ids.const_data_ptr<int64_t>();
  auto b = text_batch({Sequence(p, p + ids.numel())});
  if (t.count("types")) b.types = t.at("types");
  return b;
}

void check_recorded(const std::filesystem::path& folder) {
  at::NoGradGuard no_grad;
  const auto model = build_model(read_checkpoint(folder));
  const auto t = read_safetensors((folder / "recorded.safetensors").string());
  if (model->input() != Input::Text) {
    auto logits = model->forward(recorded_batch(*model, t));
    if (t.count("positions")) logits = logits.index_select(0, t.at("positions"));
    CHECK((logits - t.at("logits")).abs().max().item<double>() <= 1e-4);
    return;
  }
  const auto ids = t.at("input_ids");
  const auto* p = ids.const_data_ptr<int64_t>();
  std::map<int64_t, Tensor> chosen;
  auto* routed = dynamic_cast<Routed*>(model.get());
  for (int64_t i = 0; routed && i < model->block_count(); ++i)
    if (auto* m = routed->mixture(i))
      m->onlooker = [&chosen, i](const Tensor&, const Routing& r) { chosen[i] = r.experts; };
  const auto logits = model->forward(text_batch({Sequence(p, p + ids.numel())}));
  const auto off = logits.index_select(0, t.at("positions")) - t.at("logits");
  CHECK(off.abs().max().item<double>() <= 1e-4);
  for (const auto& [name, theirs] : t)
    if (name.starts_with("experts."))
      CHECK(sets(chosen.at(std::stoll(name.substr(8)))).equal(sets(theirs)));
}

}  // namespace

TEST_CASE("recorded families: logits and experts of one model for each shared word", "[models]") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root() / "data/families")) {
    if (!entry.is_directory()) continue;
    INFO(entry.path().filename().string());
    check_recorded(entry.path());
    ++count;
  }
  CHECK(count == 26);
}

namespace {

/// Every group of every kind that a family claims: masked and cut away is one function, alone and
/// in a batch the same bits.
void check_groups(const std::filesystem::path& folder) {
  at::NoGradGuard no_grad;
  const auto checkpoint = read_checkpoint(folder);
  const auto t = read_safetensors((folder / "recorded.safetensors").string());
  for (const auto& kind : model_family(checkpoint.model_type(), "").group_kinds) {
    const auto fresh = [&] { return build_model(checkpoint); };
    const auto model = fresh();
    const auto count = model->groups(kind).size();
    CAPTURE(kind, count);
    CHECK(count > 0);
    bool moved = false;  // one unit may be silent for one input
    for (size_t i = 0; i < count; ++i) {
      const auto one = fresh();
      const auto batch = recorded_batch(*one, t);
      auto g = one->groups(kind)[i];
      CAPTURE(g.name, g.units);
      auto keep = at::ones({g.units}, at::kBool);
      keep[g.units / 2] = false;
      const auto dense = one->forward(batch);
      const auto cut = cut_as_masked(g, keep, [&] { return one->forward(batch); });
      moved = moved || !cut.equal(dense);
      // What is left loads again from its own tensors.
      Checkpoint narrow = checkpoint;
      narrow.tensors.clear();
      std::set<const Tensor*> transposed;
      for (const Layer* l : one->layers())
        if (l->stored_transposed) transposed.insert(&l->weight);
      if (!narrow.config.is_object()) narrow.config = nlohmann::json::object();
      narrow.config["prunebench"] = {{"layout", "compact"}};
      for (const auto& named : one->tensors())
        if (named.tensor->defined() && named.tensor->numel() > 0)
          narrow.tensors[named.name] = *named.tensor;
      if (kind == "block" || kind == "attention" || kind == "mlp") continue;  // gone as a whole
      const auto again = build_model(narrow);
      const auto same = recorded_batch(*again, t);
      CHECK(again->forward(same).equal(cut));
    }
    CHECK(moved);
  }
}

}  // namespace

namespace {

/// The same rows first alone, then between others.
void check_batches(Model& model, const TensorMap& t) {
  at::NoGradGuard no_grad;
  const auto one = recorded_batch(model, t);
  const auto alone = model.forward(one);
  Batch three;
  if (one.is_text()) {
    const auto* p = one.ids.const_data_ptr<int64_t>();
    const Sequence ids(p, p + one.ids.numel());
    Sequence other(ids.rbegin(), ids.rbegin() + 7);
    three = text_batch({other, ids, other});
    if (one.types.defined()) {
      const auto none = at::zeros({7}, at::kLong);
      three.types = at::cat({none, one.types, none});
    }
  } else {
    three.images = at::cat({one.images.flip({3}), one.images, one.images.flip({2})});
  }
  const auto together = model.forward(three);
  const auto rows = alone.size(0);
  const auto begin = model.input() == Input::MaskedText ? 7 : 1;
  CHECK(together.narrow(0, begin, rows).equal(alone));
  at::set_num_threads(2);
  CHECK(model.forward(three).equal(together));
  at::set_num_threads(1);
}

}  // namespace

TEST_CASE("recorded families: encoders and networks of images, alone and in a batch", "[models]") {
  for (const auto& entry : std::filesystem::directory_iterator(root() / "data/families")) {
    if (!entry.is_directory()) continue;
    const auto model = build_model(read_checkpoint(entry.path()));
    if (model->input() == Input::Text) continue;
    INFO(entry.path().filename().string());
    check_batches(*model, read_safetensors((entry.path() / "recorded.safetensors").string()));
  }
}

TEST_CASE("recorded families: encoders and networks of images, group by group", "[models]") {
  for (const auto& entry : std::filesystem::directory_iterator(root() / "data/families")) {
    if (!entry.is_directory()) continue;
    const auto model = build_model(read_checkpoint(entry.path()));
    if (model->input() == Input::Text) continue;
    INFO(entry.path().filename().string());
    check_groups(entry.path());
  }
}

TEST_CASE("a file of another network than its names suggest is refused", "[models]") {
  const auto folder = root() / "data/families/tv-densenet";
  auto c = read_checkpoint(folder);
  c.tensors["features.denseblock1.denselayer1.se.fc.weight"] = at::ones({2, 2});
  CHECK(error_of([&] { build_model(c); }).find("se.fc") != std::string::npos);
  auto v = read_checkpoint(root() / "data/families/vit");
  v.config["use_swiglu_ffn"] = true;
  CHECK(error_of([&] { build_model(v); }).find("use_swiglu_ffn") != std::string::npos);
  v.config.erase("use_swiglu_ffn");
  v.tensors["vit.encoder.layer.0.lambda_1"] = at::ones({32});
  CHECK(error_of([&] { build_model(v); }).find("lambda_1") != std::string::npos);
}
