// Divergence from the dense model: none from itself, by hand from another.
#include "core/task.h"
#include "fixture.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("divergence: zero from itself, and by hand", "[tasks]") {
  at::NoGradGuard no_grad;
  auto& s = shipped("stories260k");
  const TempDir folder;
  const auto file = (folder.path / "text.txt").string();
  std::ofstream(file) << "Once upon a time there was a little cat who liked to play in the garden.";
  const auto task = Registry<Task>::instance().create(
      "divergence", Value(Value::Map{{"text", Value(file)},
                                     {"format", Value("plain")},
                                     {"window", Value(int64_t{8})},
                                     {"windows", Value(int64_t{2})}}));
  const std::shared_ptr<const Tokenizer> tokenizer = s.checkpoint.tokenizer();
  TaskContext c{*s.model, [&](const std::string&) { return tokenizer; }, {}, {}};
  c.dense = [] { return build_model(read_checkpoint(root() / "data/models/stories260k")); };
  auto found = task->run(c);
  REQUIRE(found.size() == 2);
  CHECK(found[0].value == 0);
  CHECK(found[1].value == 1);
  Layer* l = s.model->layers()[2];
  l->set_mask(at::zeros_like(l->matrix(), at::kBool));
  found = task->run(c);
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  auto ids = tokenizer->encode(text, true);
  double sum = 0, same = 0;
  const auto dense = c.dense();
  for (size_t w = 0; w < 2; ++w) {
    const auto at = ids.begin() + static_cast<int64_t>(w) * 8;
    const auto batch = text_batch({Sequence(at, at + 8)});
    const auto p = dense->forward(batch).to(at::kDouble).softmax(1).narrow(0, 0, 7);
    const auto q = s.model->forward(batch).to(at::kDouble).softmax(1).narrow(0, 0, 7);
    sum += (p * (p / q).log()).sum().item<double>() / 7;
    same += p.argmax(1).eq(q.argmax(1)).to(at::kDouble).mean().item<double>();
  }
  CHECK(found[0].value > 1e-4);
  CHECK(std::abs(found[0].value - sum / 2) < 1e-9 + 1e-6 * sum);
  CHECK(std::abs(found[1].value - same / 2) < 1e-6);
  CHECK(found[0].unit == "nats");
  c.dense = nullptr;
  CHECK(error_of([&] { task->run(c); }).find("dense") != std::string::npos);
}
