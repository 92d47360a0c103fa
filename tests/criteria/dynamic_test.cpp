// Stages that act while the model runs, or put something else in a part's place: TEAL, CATS,
// Streamline's trained block, MoNE's constants.
#include "core/mixture.h"
#include "core/stage.h"
#include "core/thresholds.h"
#include "criteria/by_hand.h"
#include "measure/routed.h"
#include "models/hub_folder.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Staged {
  Shipped& s;
  std::map<std::string, double> said;
  explicit Staged(const std::string& model) : s(shipped(model)) {}
  void apply(const std::string& name, Value::Map settings = {}) {
    std::map<std::string, std::shared_ptr<const Snapshot>> kept;
    const Method none;
    StageContext c{*s.model, none, 0, at::kCPU, kept, {}, {}, ""};
    c.record = [&](const std::string& what, double value, const std::string&) {
      said[what] = value;
    };
    c.calibration = [] { return tiny_text(4, 24, 2); };
    Registry<Stage>::instance().create(name, Value{std::move(settings)})->apply(c);
  }
};

}  // namespace

TEST_CASE("teal: a share of every layer's inputs counts as zero, as measured", "[criteria]") {
  for (const std::string model : {"stories260k", "family-phi", "family-gpt-oss"}) {
    CAPTURE(model);
    Staged t(model);
    const auto dense = tiny_logits(*t.s.model);
    t.apply("teal", {{"sparsity", Value(0.4)}});
    const auto sparse = tiny_logits(*t.s.model);
    CHECK((sparse - dense).abs().max().item<double>() > 1e-4);
    // The first layer hears what it heard before: the share is that of the quantile.
    CHECK(t.said.at("teal.passed_over") > 0.3);
    CHECK(t.said.at("teal.passed_over") < 0.6);
    // One batch or three, the same bits.
    at::NoGradGuard no_grad;
    const auto one = t.s.model->forward(split(tiny_text(3, 20, 3).batches).front());
    CHECK(sparse.narrow(0, 0, 20).equal(one));
    t.s.dense->restore(*t.s.model);
    CHECK(tiny_logits(*t.s.model).equal(dense));
  }
  Staged none("stories260k");
  const auto dense = tiny_logits(*none.s.model);
  none.apply("teal", {{"sparsity", Value(0.0)}});
  CHECK(tiny_logits(*none.s.model).equal(dense));
  CHECK(contains(error_of([] { Staged("tiny-gpt2").apply("teal"); }), "built by hand"));
}

TEST_CASE("teal: shares found greedily move a block's output less than even ones", "[criteria]") {
  double off[2] = {0, 0};
  for (const bool greedy : {false, true}) {
    Staged t("stories260k");
    const auto data = tiny_text(4, 24, 2);
    at::NoGradGuard no_grad;
    const auto error = [&](const Tensor& before) {
      return (t.s.model->block(0, t.s.model->stem(data.batches[0]), data.batches[0]) - before)
          .square()
          .sum()
          .item<double>();
    };
    const auto before = t.s.model->block(0, t.s.model->stem(data.batches[0]), data.batches[0]);
    t.apply("teal", {{"shares", Value(greedy ? "greedy" : "uniform")}, {"step", Value(0.01)}});
    off[greedy] = error(before);
  }
  CHECK(off[1] < off[0]);
}

TEST_CASE("cats: inner channels are passed over where the gate is small", "[criteria]") {
  Staged t("stories260k");
  t.apply("cats", {{"sparsity", Value(0.3)}});
  // Of the layers only the last of an MLP reads zeros.
  CHECK(std::abs(t.said.at("cats.most") - 0.3) < 0.1);
  CHECK(t.said.at("cats.least") == 0);
  auto* quiet = dynamic_cast<Thresholded*>(t.s.model.get());
  const auto values = *quiet->thresholds(0).values;
  CHECK(values.slice(0, 0, -1).lt(0).all().item<bool>());
  CHECK(values[-1].item<double>() > 0);
  t.s.dense->restore(*t.s.model);
  CHECK(contains(error_of([] { Staged("family-phi").apply("cats"); }), "no MLP"));
}

TEST_CASE("streamline_replace: one block learns what two did", "[criteria]") {
  Staged t("stories260k");
  const auto blocks = t.s.model->groups("block").size();
  t.apply("streamline_replace",
          {{"blocks", Value(int64_t{2})}, {"epochs", Value(int64_t{8})}, {"lr", Value(3e-3)}});
  CHECK(t.s.model->groups("block").size() == blocks - 1);
  CHECK(t.said.at("streamline.error_after") < 0.9 * t.said.at("streamline.error_before"));
  const auto first = weight_hash(*t.s.model);
  t.s.dense->restore(*t.s.model);
  t.apply("streamline_replace",
          {{"blocks", Value(int64_t{2})}, {"epochs", Value(int64_t{8})}, {"lr", Value(3e-3)}});
  CHECK(weight_hash(*t.s.model) == first);
  t.s.dense->restore(*t.s.model);
  t.apply("streamline_replace",
          {{"replacement", Value("mlp")}, {"epochs", Value(int64_t{8})}, {"lr", Value(3e-3)}});
  CHECK(t.s.model->groups("attention").size() == blocks - 2);
  CHECK(t.s.model->groups("mlp").size() == blocks - 1);
  CHECK(t.said.at("streamline.error_after") < 0.9 * t.said.at("streamline.error_before"));
  t.s.dense->restore(*t.s.model);
  CHECK(contains(error_of([&] {
                   t.apply("streamline_replace", {{"blocks", Value(int64_t{99})}});
                 }),
                 "no 99 blocks"));
}

TEST_CASE("mone_constants: experts give way to their mean, the router stays", "[criteria]") {
  for (const std::string scope : {"block", "model"}) {
    CAPTURE(scope);
    Staged t("family-qwen2-moe");
    at::NoGradGuard no_grad;
    auto& routed = dynamic_cast<Routed&>(*t.s.model);
    const auto groups = t.s.model->groups("expert");
    const auto dense = tiny_logits(*t.s.model);
    t.apply("mone_constants", {{"scope", Value(scope)}, {"share", Value(0.5)}});
    CHECK((tiny_logits(*t.s.model) - dense).abs().max().item<double>() > 1e-5);
    int64_t constants = 0;
    for (const auto& g : groups) {
      auto* m = routed.mixture(g.block);
      CHECK(m->experts() == g.units);
      if (!m->constant_of.defined()) continue;
      constants += m->constants.size(0);
      // An expert that gave way says the same for every row.
      const Watched watched(*m, [&](const Tensor&, const Routing& r) {
        for (const auto& a : r.answers)
          if (const auto of = m->constant_of[a.expert].item<int64_t>(); of >= 0)
            CHECK(a.outputs.equal(m->constants[of].expand_as(a.outputs)));
      });
      tiny_logits(*t.s.model);
    }
    int64_t all = 0;
    for (const auto& g : groups) all += g.units;
    CHECK(constants == all / 2);
    CHECK(t.said.at("mone_constants.experts") == double(all / 2));
    CHECK(measure_sparsity(*t.s.model).linear_masked() > 0);
    // No folder of transformers holds them; a compact one does.
    CHECK(contains(error_of([&] { hub_config(*t.s.model, t.s.checkpoint); }), "constants"));
    const TempDir dir;
    const auto logits = tiny_logits(*t.s.model);
    write_hub_folder(*t.s.model, t.s.checkpoint, true, dir.path / "compact");
    const auto again = build_model(read_checkpoint(dir.path / "compact"));
    CHECK(tiny_logits(*again).equal(logits));
  }
  CHECK(contains(error_of([] { Staged("stories260k").apply("mone_constants"); }), "no block"));
}
