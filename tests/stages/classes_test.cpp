// Encoders that are fine-tuned on labelled texts, and pruned by movement meanwhile.
#include "core/stage.h"
#include "fixture.h"
#include "tokenizers/make.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Encoder {
  Shipped& s = shipped("family-distilbert-cls");
  TempDir dir;
  Method method;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  std::map<std::string, double> said;
  std::string state;
  std::function<void(int64_t, int64_t)> progress;
  Encoder() {
    std::ofstream rows(dir.path / "rows.jsonl");
    for (int i = 0; i < 24; ++i)
      rows << "{\"sentence\": \"" << (i % 2 ? "a good one " : "so bad, ") << i
           << "\", \"label\": " << i % 2 << "}\n";
  }
  void apply(const std::string& name, Value::Map more = {}, double target = 0.5) {
    at::NoGradGuard no_grad;
    StageContext c{*s.model, method, target, at::kCPU, kept, progress, {}, state};
    c.record = [&](const std::string& what, double value, const std::string&) {
      said[what] = value;
    };
    c.tokenizer = [] { return std::shared_ptr<const Tokenizer>(from_json(Json::object())); };
    more.push_back({"file", Value((dir.path / "rows.jsonl").string())});
    more.push_back({"epochs", Value(4.0)});
    more.push_back({"batch", Value(int64_t{8})});
    more.push_back({"lr", Value(3e-3)});
    Registry<Stage>::instance().create(name, Value{std::move(more)})->apply(c);
  }
  double masked() {
    const auto all = measure_sparsity(*s.model);
    return double(all.linear_masked()) / double(all.linear_total());
  }
};

}  // namespace

TEST_CASE("finetune_classes: the loss falls, masks are obeyed, the same bits after a kill",
          "[stages]") {
  struct Killed {};
  Encoder e;
  at::NoGradGuard no_grad;
  Layer& l = *e.s.model->layers().front();
  l.set_mask(l.matrix() > 0);
  e.apply("finetune_classes", {{"save_every", Value(int64_t{1})}});
  CHECK(e.said.at("finetune_classes.last_loss") < 0.69);
  CHECK(!l.matrix().masked_select(~l.mask).any().item<bool>());
  const auto whole = weight_hash(*e.s.model);
  for (const bool killed : {true, false}) {
    static const TempDir kept;
    Encoder again;
    again.state = (kept.path / "state").string();
    Layer& first = *again.s.model->layers().front();
    first.set_mask(first.matrix() > 0);
    if (killed) {
      again.progress = [](int64_t done, int64_t) {
        if (done == 5) throw Killed();
      };
      CHECK_THROWS_AS(again.apply("finetune_classes", {{"save_every", Value(int64_t{1})}}), Killed);
    } else {
      again.apply("finetune_classes", {{"save_every", Value(int64_t{1})}});
      CHECK(weight_hash(*again.s.model) == whole);
    }
  }
}

TEST_CASE("movement_classes: the trial's share goes, or what the data says", "[stages]") {
  Encoder hard;
  hard.apply("movement_classes");
  CHECK(std::abs(hard.masked() - 0.5) < 2e-3);
  CHECK(std::abs(hard.said.at("movement.removed") - hard.masked()) < 1e-9);
  for (const Layer* l : hard.s.model->layers()) {
    CHECK(!l->lens);
    CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
  }
  CHECK(hard.said.at("movement_classes.last_loss") < 0.75);
  Encoder soft;
  soft.apply("movement_classes", {{"form", Value("soft")},
                                  {"score_lr", Value(1.0)},
                                  {"threshold", Value(0.5)},
                                  {"penalty", Value(100.0)}});
  CHECK(soft.said.at("movement.removed") > 0.05);
  CHECK(std::abs(soft.said.at("movement.removed") - soft.masked()) < 1e-9);
}
