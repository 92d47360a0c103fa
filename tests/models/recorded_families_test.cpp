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

void check_recorded(const std::filesystem::path& folder) {
  at::NoGradGuard no_grad;
  const auto model = build_model(read_checkpoint(folder));
  const auto t = read_safetensors((folder / "recorded.safetensors").string());
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
  CHECK(count == 11);
}
