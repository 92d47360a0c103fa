// Language models that are pruned while they are fine-tuned: the cubic ramp and movement pruning.
#include "fixture.h"
#include "stages/ramp.h"
#include "stages/text_training.h"
#include "walk/certificate.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

Value::Map few(int64_t steps) {
  return {{"file", (root() / "data/text/tinystories_sample_2MiB.txt").string()},
          {"rows", Value(int64_t{24})},
          {"validation", Value(int64_t{4})},
          {"steps", Value(steps)},
          {"batch", Value(int64_t{4})},
          {"micro_batch", Value(int64_t{2})},
          {"cutoff", Value(int64_t{160})},
          {"warmup", Value(int64_t{1})},
          {"evaluate_every", Value(int64_t{2})},
          {"every", Value(int64_t{1})},
          {"lr", 3e-3}};
}

struct Tuned {
  Shipped& s = shipped("stories260k");
  Method method;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  std::map<std::string, double> said;
  std::string state;
  std::function<void(int64_t, int64_t)> progress;
  Tuned() {
    method.criterion = Registry<Criterion>::instance().create("magnitude");
    method.allocator = Registry<Allocator>::instance().create("uniform");
    method.pattern.contest = Contest::Layer;
  }
  void apply(const std::string& name, Value::Map map, double target = 0.5) {
    at::NoGradGuard no_grad;
    StageContext c{*s.model, method, target, at::kCPU, kept, progress, {}, state};
    c.record = [&](const std::string& what, double value, const std::string&) {
      said[what] = value;
    };
    c.tokenizer = [&] { return std::shared_ptr<const Tokenizer>(s.checkpoint.tokenizer("slow4")); };
    Registry<Stage>::instance().create(name, Value{std::move(map)})->apply(c);
  }
  double masked() {
    const auto all = measure_sparsity(*s.model);
    return double(all.linear_masked()) / double(all.linear_total());
  }
};

}  // namespace

TEST_CASE("the ramp is cubic, steep at first", "[stages]") {
  std::vector<std::string> mistakes;
  const auto c = Ramp::schema().complete(
      Value{Value::Map{{"begin", Value(0.1)}, {"end", Value(0.6)}, {"every", Value(int64_t{10})}}},
      "r", mistakes);
  REQUIRE(mistakes.empty());
  const Ramp r(Config(c, "r"));
  CHECK(r.cubic(10, 100) == 0);
  CHECK(std::abs(r.cubic(35, 100) - 0.875) < 1e-12);
  CHECK(r.cubic(60, 100) == 1);
  CHECK(r.cubic(90, 100) == 1);
  CHECK(r.moves(20, 100));
  CHECK(!r.moves(21, 100));
  CHECK(!r.moves(70, 100));
}

TEST_CASE("gmp_text: the trial's pruning rises with the training and ends at the target",
          "[stages]") {
  Tuned t;
  std::vector<double> seen;
  t.progress = [&](int64_t, int64_t) { seen.push_back(t.masked()); };
  t.apply("gmp_text", few(8));
  REQUIRE(seen.size() == 8);
  for (size_t i = 1; i < seen.size(); ++i) CHECK(seen[i] >= seen[i - 1]);
  CHECK(std::abs(seen.front() - 0.5 * (1 - std::pow(5.0 / 6, 3))) < 1e-3);
  CHECK(std::abs(t.masked() - 0.5) < 1e-3);
  for (const Layer* l : t.s.model->layers())
    CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
  // The dense values are not looked at: the best ones are of a step with the final masks.
  CHECK(t.said.at("held_out_best") > 0);
}

TEST_CASE("movement: the trial's share goes by scores that are learned", "[stages]") {
  for (const std::string scope : {"layer", "global"}) {
    CAPTURE(scope);
    Tuned t;
    auto s = few(6);
    s.push_back({"scope", Value(scope)});
    t.apply("movement", s);
    CHECK(std::abs(t.masked() - 0.5) < 1e-3);
    CHECK(std::abs(t.said.at("movement.removed") - 0.5) < 1e-3);
    double least = 1, most = 0;
    for (const Layer* l : t.s.model->layers()) {
      const auto kept = l->mask.to(at::kDouble).mean().item<double>();
      least = std::min(least, kept), most = std::max(most, kept);
      CHECK(!l->lens);
      CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
    }
    CHECK((most - least < 0.01) == (scope == "layer"));
    // What went is not what magnitude would have taken.
    Tuned plain;
    Calibration none;
    const auto by_movement = mask_hash(*t.s.model);
    at::NoGradGuard no_grad;
    prune(*plain.s.model, plain.method, 0.5, none);
    CHECK(mask_hash(*plain.s.model) != by_movement);
  }
}

TEST_CASE("movement: one weight's score falls with the gradient times the weight", "[stages]") {
  // Two steps: after the first a score is -score_lr times the sign of w dL/d(w M), all kept.
  Tuned t;
  auto s = few(1);
  s.push_back({"begin", Value(0.0)});
  s.push_back({"end", Value(1.0)});
  s.push_back({"warmup", Value(int64_t{0})});
  s.push_back({"validation", Value(int64_t{0})});
  s.push_back({"batch", Value(int64_t{24})});
  s.push_back({"micro_batch", Value(int64_t{24})});
  s.push_back({"lr", Value(1e-9)});
  // A key that is given twice: the last one counts.
  Value::Map once;
  for (auto& e : s) {
    const auto at = std::find_if(once.begin(), once.end(), [&](auto& o) { return o.key == e.key; });
    if (at == once.end())
      once.push_back(e);
    else
      at->value = e.value;
  }
  Layer& l = *t.s.model->layers().front();
  const auto w = l.weight;
  const auto tokenizer = t.s.checkpoint.tokenizer("slow4");
  std::vector<std::string> mistakes;
  const auto whole = TextTrainingSettings::schema().complete(
      Value{[&] {
        Value::Map some;
        for (auto& e : once)
          if (e.key != "begin" && e.key != "end" && e.key != "every") some.push_back(e);
        return some;
      }()},
      "s", mistakes);
  REQUIRE(mistakes.empty());
  const TextTrainingSettings settings(Config(whole, "s"));
  const auto rows = training_rows(settings, *tokenizer);
  std::vector<const TrainingRow*> all;
  for (const auto& r : rows) all.push_back(&r);
  l.weight = w.detach().requires_grad_();
  Tensor g;
  {
    at::AutoGradMode grad(true);
    response_loss(*t.s.model, all).backward();
    g = l.weight.grad();
  }
  l.weight = w;
  t.apply("movement", once);
  const auto falls = (g * w) > 0;
  // Scores are two-valued: half of a layer goes, all of it from those that fall where they suffice.
  const auto gone = ~l.mask;
  const auto count = gone.sum().item<int64_t>(), falling = falls.sum().item<int64_t>();
  const auto both = (gone & falls).sum().item<int64_t>();
  CHECK(both >= std::min(count, falling) - count / 200);
}

TEST_CASE("movement: the soft form removes what its threshold says", "[stages]") {
  Tuned t;
  auto s = few(6);
  s.push_back({"form", Value("soft")});
  s.push_back({"score_lr", Value(1.0)});
  s.push_back({"threshold", Value(0.5)});
  t.apply("movement", s);
  CHECK(t.said.at("movement.removed") > 0.05);
  CHECK(std::abs(t.said.at("movement.removed") - t.masked()) < 1e-9);
  Tuned heavy;
  s.push_back({"penalty", Value(1000.0)});
  heavy.apply("movement", s);
  CHECK(heavy.said.at("movement.removed") > t.said.at("movement.removed"));
  auto decayed = few(1);
  decayed.push_back({"weight_decay", Value(0.1)});
  CHECK(contains(error_of([&] { t.apply("movement", decayed); }), "weight_decay 0"));
}

TEST_CASE("gmp_text and movement: killed and taken up again, the same bits", "[stages]") {
  struct Killed {};
  const TempDir dir;
  for (const std::string name : {"gmp_text", "movement"}) {
    CAPTURE(name);
    auto s = few(6);
    s.push_back({"save_every", Value(int64_t{1})});
    std::string whole, masks;
    {
      Tuned t;
      t.apply(name, s);
      whole = weight_hash(*t.s.model), masks = mask_hash(*t.s.model);
    }
    Tuned t;
    t.state = (dir.path / name).string();
    t.progress = [&](int64_t done, int64_t) {
      if (done == 4) throw Killed();
    };
    try {
      t.apply(name, s);
    } catch (const Killed&) {
    }
    REQUIRE(std::filesystem::exists(t.state));
    Tuned again;
    again.state = t.state;
    again.apply(name, s);
    CHECK(weight_hash(*again.s.model) == whole);
    CHECK(mask_hash(*again.s.model) == masks);
  }
}
