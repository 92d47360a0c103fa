// Recovery of language models: what is trained, what masks allow, the same bits after a kill.
#include "stages/distillation.h"

#include "fixture.h"
#include "walk/certificate.h"

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
          {"cutoff", Value(int64_t{320})},
          {"warmup", Value(int64_t{1})},
          {"evaluate_every", Value(int64_t{2})},
          {"lr", 3e-3}};
}

TextTrainingSettings settings(Value::Map map) {
  std::vector<std::string> mistakes;
  const auto whole = TextTrainingSettings::schema().complete(Value{std::move(map)}, "s", mistakes);
  REQUIRE(mistakes.empty());
  return TextTrainingSettings(Config(whole, "s"));
}

/// stories260k at 50 %, by magnitude, with single weights or whole neurons masked.
struct Pruned {
  Shipped& s = shipped("stories260k");
  Method method;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  std::map<std::string, double> said;
  std::string state;
  std::function<void(int64_t, int64_t)> progress;
  Certificate before;

  explicit Pruned(bool neurons = false) {
    method.criterion = Registry<Criterion>::instance().create(neurons ? "random" : "magnitude");
    method.allocator = Registry<Allocator>::instance().create("uniform");
    if (neurons) method.pattern.kind = Pattern::Structured, method.pattern.groups = {"neuron"};
    Calibration none;
    prune(*s.model, method, 0.5, none);
    before = certify(*s.model, method.pattern, "prune");
  }
  void apply(const std::string& name, Value::Map map) {
    StageContext c{*s.model, method, 0.5, at::kCPU, kept, progress, {}, state};
    c.record = [&](const std::string& what, double value, const std::string&) {
      said[what] = value;
    };
    c.tokenizer = [&] { return std::shared_ptr<const Tokenizer>(s.checkpoint.tokenizer("slow4")); };
    Registry<Stage>::instance().create(name, Value{std::move(map)})->apply(c);
  }
};

}  // namespace

TEST_CASE("rows: the template, the response behind the prompt, EOS where there is room",
          "[stages]") {
  const TempDir dir;
  const auto file = (dir.path / "rows.jsonl").string();
  std::ofstream(file) << R"({"instruction": "Name a colour.", "output": "red"})"
                      << "\n"
                      << R"({"instruction": "Say it.", "input": "x", "output": "y"})"
                      << "\n";
  auto map = few(1);
  map = {{"file", file}, {"format", "alpaca"}, {"validation", Value(int64_t{0})}};
  const auto tokenizer = shipped("stories260k").checkpoint.tokenizer("slow4");
  const auto rows = training_rows(settings(map), *tokenizer);
  REQUIRE(rows.size() == 2);
  const auto prompt = tokenizer->encode(
      "Below is an instruction that describes a task. Write a response that appropriately "
      "completes the request.\n\n### Instruction:\nName a colour.\n\n### Response:\n",
      true);
  CHECK(rows[0].prompt == static_cast<int64_t>(prompt.size()));
  CHECK(rows[0].ids.back() == *tokenizer->eos());
  CHECK(contains(tokenizer->decode(rows[0].ids), "### Response:\nred"));
  CHECK(contains(tokenizer->decode(rows[1].ids), "### Input:\nx\n\n### Response:\ny"));
  // A response that is cut away teaches nothing.
  map.push_back({"cutoff", Value(int64_t{20})});
  CHECK(contains(error_of([&] { training_rows(settings(map), *tokenizer); }), "cutoff"));
  std::ofstream(file) << "{\"instruction\": 3}\n";
  CHECK(contains(error_of([&] { training_rows(settings(map), *tokenizer); }), "rows.jsonl:1"));
}

TEST_CASE("rows of plain documents: no template, every token learned", "[stages]") {
  const TempDir dir;
  const auto file = (dir.path / "rows.jsonl").string();
  std::ofstream(file) << R"({"text": "One day. Two days."})"
                      << "\n"
                      << R"({"text": ""})"
                      << "\n"  // no token to learn
                      << R"({"text": "A long story of a cat."})"
                      << "\n";
  const auto tokenizer = shipped("stories260k").checkpoint.tokenizer("slow4");
  const auto whole = tokenizer->encode("One day. Two days.", true);
  const auto rows = training_rows(settings({{"file", file},
                                            {"format", "plain"},
                                            {"cutoff", Value(int64_t(whole.size()) + 1)},
                                            {"validation", Value(int64_t{0})}}),
                                  *tokenizer);
  REQUIRE(rows.size() >= 2);
  CHECK(rows[0].prompt == 0);
  CHECK(rows[0].ids.back() == *tokenizer->eos());
  CHECK(Sequence(rows[0].ids.begin(), rows[0].ids.end() - 1) == whole);
  CHECK(rows.back().ids.size() <= whole.size() + 1);

  auto& s = shipped("stories260k");
  at::NoGradGuard no_grad;
  const TrainingRow row{{1, 40, 50}, 0};
  const auto logits = s.model->forward(text_batch({row.ids})).log_softmax(1);
  const double by_hand = -(logits[0][40].item<double>() + logits[1][50].item<double>()) / 2;
  CHECK(std::abs(response_loss(*s.model, {&row}).item<double>() - by_hand) < 1e-6);
}

TEST_CASE("the loss is that of the responses alone", "[stages]") {
  auto& s = shipped("stories260k");
  at::NoGradGuard no_grad;
  const TrainingRow row{{1, 40, 50, 60, 70}, 3};
  const auto logits = s.model->forward(text_batch({row.ids})).log_softmax(1);
  const double by_hand = -(logits[2][60].item<double>() + logits[3][70].item<double>()) / 2;
  CHECK(std::abs(response_loss(*s.model, {&row}).item<double>() - by_hand) < 1e-6);
}

TEST_CASE("lora lowers the held-out loss, and what is merged is what was trained", "[stages]") {
  for (const bool neurons : {false, true}) {
    INFO(neurons);
    Pruned p(neurons);
    std::vector<Tensor> before;
    for (const Layer* l : p.s.model->layers()) before.push_back(l->weight);
    p.apply("lora", few(6));
    CHECK(p.said.at("held_out_best") < p.said.at("held_out_before"));
    // The masks hold, and the adapter is of rank 8 and not nothing.
    const auto now = certify(*p.s.model, p.method.pattern, "recovery", &p.before);
    CHECK(now.mask_hash == p.before.mask_hash);
    size_t i = 0;
    for (const Layer* l : p.s.model->layers()) {
      CHECK(!l->lens);
      CHECK((l->weight - before[i++]).abs().max().item<double>() > 0);
    }
    // Scored with the merged weights, the rows held out have the loss that the training saw.
    auto map = few(6);
    const auto how = settings(map);
    const auto rows = training_rows(how, *p.s.checkpoint.tokenizer("slow4"));
    double sum = 0, tokens = 0;
    at::NoGradGuard no_grad;
    for (size_t r = rows.size() - 4; r < rows.size(); ++r) {
      const auto n = static_cast<double>(rows[r].ids.size()) - static_cast<double>(rows[r].prompt);
      sum += response_loss(*p.s.model, {&rows[r]}).item<double>() * n;
      tokens += n;
    }
    CHECK(std::abs(sum / tokens - p.said.at("held_out_best")) < 1e-5);
  }
}

TEST_CASE("recovery that was killed goes on with the same bits", "[stages]") {
  for (const std::string name : {"lora", "finetune"}) {
    INFO(name);
    auto map = few(5);
    map.push_back({"save_every", Value(int64_t{2})});
    std::string whole, again;
    {
      Pruned p;
      p.apply(name, map);
      whole = weight_hash(*p.s.model);
      certify(*p.s.model, p.method.pattern, "recovery", &p.before);
    }
    const TempDir dir;
    const auto state = (dir.path / "s.safetensors").string();
    {
      Pruned p;
      p.state = state;
      p.progress = [](int64_t done, int64_t) {
        if (done == 4) throw std::runtime_error("killed");
      };
      CHECK_THROWS(p.apply(name, map));
      for (const Layer* l : p.s.model->layers()) CHECK(!l->lens);
    }
    CHECK(std::filesystem::exists(state));
    {
      Pruned p;
      p.state = state;
      int64_t first = 0;
      p.progress = [&](int64_t done, int64_t) { first = first ? first : done; };
      p.apply(name, map);
      CHECK(first == 3);  // two steps were saved
      again = weight_hash(*p.s.model);
    }
    CHECK(whole == again);
    CHECK(!std::filesystem::exists(state));
  }
}

TEST_CASE("biases and norms alone can be trained: weights stay bit for bit", "[stages]") {
  Pruned p;
  std::vector<Tensor> before;
  for (const Layer* l : p.s.model->layers()) before.push_back(l->weight.clone());
  std::vector<Tensor> vectors;
  for (const auto& t : p.s.model->tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->dim() == 1)
      vectors.push_back(t.tensor->clone());
  auto map = few(3);
  map.push_back({"parameters", Value("vectors")});
  p.apply("finetune", map);
  size_t i = 0;
  for (const Layer* l : p.s.model->layers()) CHECK(l->weight.equal(before[i++]));
  i = 0;
  for (const auto& t : p.s.model->tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->dim() == 1)
      CHECK(!t.tensor->equal(vectors[i++]));
}

namespace {

Distillation distillation(Value::Map map) {
  std::vector<std::string> mistakes;
  const auto whole = Distillation::schema().complete(Value{std::move(map)}, "s", mistakes);
  REQUIRE(mistakes.empty());
  return Distillation(Config(whole, "s"));
}

const TrainingRow kRow{{1, 403, 407, 261, 378, 312, 402, 268}, 3};

}  // namespace

TEST_CASE("distillation: tau^2 KL over the predicting tokens, by hand", "[stages]") {
  auto& s = shipped("stories260k");
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  kept["loaded"] = std::make_shared<const Snapshot>(*s.model);
  const auto batch = text_batch({kRow.ids});
  at::NoGradGuard no_grad;
  const auto logits = [&] { return s.model->forward(batch).slice(0, 2, 7); };
  const auto dense = logits();
  Method method;
  StageContext c{*s.model, method, 0.5, at::kCPU, kept, {}, {}, ""};
  const auto loss = [&](Value::Map map) {
    return distillation(std::move(map)).loss(c, {&kRow}).item<double>();
  };
  CHECK(std::abs(loss({{"distill", Value("forward")}, {"hidden", Value(1.0)}})) < 1e-6);
  for (Layer* l : s.model->layers()) l->set_mask(l->matrix().abs() > 0.05);
  const auto student = logits();
  for (const double tau : {1.0, 3.0}) {
    const auto t = (dense / tau).softmax(1), p = (student / tau).softmax(1);
    const auto forward = (t * (t.log() - p.log())).sum(1).mean().item<double>() * tau * tau;
    const auto reverse = (p * (p.log() - t.log())).sum(1).mean().item<double>() * tau * tau;
    const Value temperature(tau);
    CHECK(std::abs(loss({{"distill", Value("forward")}, {"temperature", temperature}}) - forward) <
          1e-4 * forward);
    CHECK(std::abs(loss({{"distill", Value("reverse")}, {"temperature", temperature}}) - reverse) <
          1e-4 * reverse);
    const auto labels = response_loss(*s.model, {&kRow}).item<double>();
    const auto both =
        loss({{"distill", Value("forward")}, {"temperature", temperature}, {"labels", Value(0.5)}});
    CHECK(std::abs(both - forward - 0.5 * labels) < 1e-4 * both);
  }
  // The student is back as it was.
  CHECK(logits().equal(student));
}

TEST_CASE("distillation brings the pruned model nearer to the loaded one", "[stages]") {
  for (const std::string name : {"lora", "finetune"}) {
    INFO(name);
    Pruned p;
    const Snapshot pruned(*p.s.model);
    p.s.dense->restore(*p.s.model);
    p.kept["loaded"] = std::make_shared<const Snapshot>(*p.s.model);
    pruned.restore(*p.s.model);
    StageContext c{*p.s.model, p.method, 0.5, at::kCPU, p.kept, {}, {}, ""};
    const auto far = [&] {
      at::NoGradGuard no_grad;
      return distillation({{"distill", Value("forward")}}).loss(c, {&kRow}).item<double>();
    };
    const double before = far();
    auto map = few(6);
    map.push_back({"distill", Value("forward")});
    map.push_back({"hidden", Value(0.1)});
    p.apply(name, map);
    CHECK(far() < before);
    certify(*p.s.model, p.method.pattern, "recovery", &p.before);
  }
}
