// Tasks of encoders: classes of texts and pairs, pseudo-perplexity.
#include "config/registry.h"
#include "core/task.h"
#include "fixture.h"
#include "tokenizers/make.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Letters are tokens.
std::shared_ptr<const Tokenizer> letters() {
  Json vocab;
  int64_t id = 0;
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) vocab[token] = id++;
  for (char c = 'a'; c <= 'z'; ++c) {
    vocab[std::string(1, c)] = id++;
    vocab["##" + std::string(1, c)] = id++;
  }
  const Json model{{"type", "WordPiece"},
                   {"unk_token", "[UNK]"},
                   {"continuing_subword_prefix", "##"},
                   {"max_input_chars_per_word", 100},
                   {"vocab", vocab}};
  Json added = Json::array();
  for (const char* token : {"[CLS]", "[SEP]", "[MASK]"})
    added.push_back({{"id", vocab[token]}, {"content", token}, {"special", true}});
  const TempDir folder;
  write(folder.path / "tokenizer.json",
        Json{{"added_tokens", added},
             {"normalizer", {{"type", "BertNormalizer"}}},
             {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
             {"post_processor",
              {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}}},
             {"decoder", {{"type", "WordPiece"}}},
             {"model", model}}
            .dump());
  write(folder.path / "tokenizer_config.json", R"({"mask_token": "[MASK]"})");
  return load_tokenizer(folder.path);
}

TaskContext context(Model& model, int64_t batch_tokens) {
  TaskContext c{model, [](const std::string&) { return letters(); }, {}, {}, batch_tokens};
  return c;
}

std::unique_ptr<Task> task(const std::string& name, Value::Map settings) {
  return Registry<Task>::instance().create(name, Value(std::move(settings)));
}

}  // namespace

TEST_CASE("text_classification: accuracy by hand, the same bits in any batch", "[tasks]") {
  at::NoGradGuard no_grad;
  auto& model = *shipped("family-distilbert-cls").model;
  REQUIRE(model.input() == Input::LabelledText);
  const TempDir folder;
  const std::vector<std::string> texts{"a good film", "bad", "what a long and tiring evening"};
  std::string lines;
  int64_t right = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto ids = letters()->encode(texts[i], true);
    const auto logits = model.forward(text_batch({ids}));
    CHECK(logits.sizes() == at::IntArrayRef({1, 2}));
    right += logits.argmax(1).item<int64_t>() == static_cast<int64_t>(i % 2);
    lines += fmt::format(R"({{"sentence": "{}", "label": {}}})", texts[i], i % 2) + "\n";
  }
  const auto file = (folder.path / "sst2.jsonl").string();
  write(file, lines);
  const auto t = task("text_classification", {{"file", Value(file)}});
  const auto together = t->run(context(model, 4096)).front();
  const auto alone = t->run(context(model, 1)).front();
  CHECK(together.value == static_cast<double>(right) / 3);
  CHECK(together.items == alone.items);
  CHECK(together.items_hash == alone.items_hash);
  CHECK(together.task == "sst2");
  write(file, R"({"sentence": "x", "label": 7})");
  CHECK(error_of([&] { t->run(context(model, 64)); }).find("class 7") != std::string::npos);
  write(file, R"({"sentence": 3, "label": 0})");
  CHECK(error_of([&] { t->run(context(model, 64)); }).find("sentence") != std::string::npos);
}

TEST_CASE("text_classification: pairs and names of classes", "[tasks]") {
  auto& model = *shipped("family-distilbert-cls").model;
  const TempDir folder;
  const auto file = (folder.path / "rte.csv").string();
  write(file, "sentence1,sentence2,label\na b,c,entailment\nd,e f,not_entailment\n");
  const auto t =
      task("text_classification",
           {{"file", Value(file)},
            {"text", Value("sentence1")},
            {"second", Value("sentence2")},
            {"classes", Value(Value::List{Value("entailment"), Value("not_entailment")})}});
  std::vector<Sequence> sent;
  t->requests(context(model, 64), 0, [&](const SentRequest& r) { sent.push_back(r.ids); });
  REQUIRE(sent.size() == 2);
  CHECK(sent.front() == letters()->encode_pair("a b", "c").ids);
  CHECK(t->run(context(model, 64)).front().n == 2);
}

TEST_CASE("pseudo_perplexity: each token masked in turn, by hand", "[tasks]") {
  at::NoGradGuard no_grad;
  auto& model = *shipped("family-bert-mlm").model;
  REQUIRE(model.input() == Input::MaskedText);
  const TempDir folder;
  const auto file = (folder.path / "text.txt").string();
  write(file, "some words");
  const auto t = task("pseudo_perplexity", {{"text", Value(file)}, {"format", Value("plain")}});
  const auto m = t->run(context(model, 4096)).front();
  const auto ids = letters()->encode("some words", true);
  double sum = 0;
  for (size_t i = 1; i + 1 < ids.size(); ++i) {
    auto masked = ids;
    masked[i] = 4;
    const auto logits = model.forward(text_batch({masked})).to(at::kDouble).log_softmax(1);
    sum -= logits[static_cast<int64_t>(i)][ids[i]].item<double>();
  }
  CHECK(std::abs(std::log(m.value) - sum / static_cast<double>(ids.size() - 2)) < 1e-5);
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    CHECK(t->run(context(model, 1)).front().value == m.value);
    CHECK(t->run(context(model, 4096)).front().value == m.value);
  }
  at::set_num_threads(1);
}

TEST_CASE("tasks of left-to-right text refuse encoders, and the other way round", "[tasks]") {
  const auto refuse = [](const char* name, Value::Map settings, Input input) {
    return error_of([&] { check(task(name, std::move(settings))->accepts(), name, input, "m"); });
  };
  CHECK(!refuse("perplexity", {{"text", Value("x")}}, Input::MaskedText).empty());
  CHECK(!refuse("perplexity", {{"text", Value("x")}}, Input::LabelledText).empty());
  CHECK(!refuse("pseudo_perplexity", {{"text", Value("x")}}, Input::Text).empty());
  CHECK(!refuse("text_classification", {{"file", Value("x")}}, Input::MaskedText).empty());
}
