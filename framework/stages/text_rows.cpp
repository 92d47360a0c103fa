// Rows of instructions, and the settings of a training on them.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>

#include "data/data.h"
#include "data/text_source.h"
#include "stages/text_training.h"

namespace bench {
namespace {

struct Instruction {
  std::string instruction, input, output;
};

std::string prompt_of(const Instruction& i) {
  const std::string head =
      i.input.empty()
          ? "Below is an instruction that describes a task. Write a response that appropriately "
            "completes the request."
          : "Below is an instruction that describes a task, paired with an input that provides "
            "further context. Write a response that appropriately completes the request.";
  const auto input = i.input.empty() ? "" : "### Input:\n" + i.input + "\n\n";
  return head + "\n\n### Instruction:\n" + i.instruction + "\n\n" + input + "### Response:\n";
}

/// The first sentence of a document asks for the rest.
Instruction continued(const std::string& document) {
  constexpr size_t kLeast = 20;  // characters: "Mr. " ends no sentence
  const auto end = document.find(". ", std::min(kLeast, document.size()));
  if (end == std::string::npos) return {};
  return {"Continue the text.", document.substr(0, end + 1), document.substr(end + 2)};
}

std::vector<Instruction> from_alpaca(const std::string& name) {
  const auto file = data_file(name).string();
  std::istringstream in(read_file(file));
  std::vector<Instruction> all;
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) continue;
    const auto row = nlohmann::json::parse(line, nullptr, false);
    const auto field = [&](const char* key, bool needed) -> std::string {
      if (row.is_object() && row.contains(key) && row[key].is_string()) return row[key];
      if (needed)
        fail("{}:{}: has no text \"{}\"; each line is {{\"instruction\", \"input\", \"output\"}}",
             file, number, key);
      return "";
    };
    all.push_back({field("instruction", true), field("input", false), field("output", true)});
  }
  return all;
}

struct Text {
  std::string prompt, response;
};

std::vector<Text> texts_of(const TextTrainingSettings& how) {
  std::vector<Text> all;
  if (how.format == "alpaca") {
    for (const auto& i : from_alpaca(how.file)) all.push_back({prompt_of(i), i.output});
    return all;
  }
  for (const auto& d : read_documents(how.file, guess_format(how.file))) {
    if (how.format == "plain") {
      all.push_back({"", d});
    } else if (const auto i = continued(d); !i.output.empty()) {
      all.push_back({prompt_of(i), i.output});
    }
  }
  return all;
}

}  // namespace

Schema TextTrainingSettings::schema() {
  return {
      key("file", "text/c4/sample_c4-rp2.jsonl", "texts: shipped in data/, or a path"),
      key("format", "continue",
          "continue: the first sentence of each document asks for the rest; alpaca: lines of "
          "{instruction, input, output}; plain: documents as they are, every token learned")
          .one_of({"continue", "alpaca", "plain"}),
      key("rows", 0, "how many, from the first; 0: all").at_least(0),
      key("cutoff", 256, "a row is cut behind so many tokens").range(2, 1 << 20),
      key("validation", 50, "rows at the end that are held out to choose the best step")
          .at_least(0),
      key("epochs", 2.0, "how often each row is seen").range(0, 1e6),
      key("steps", 0, "how many steps; 0: epochs count").at_least(0),
      key("batch", 64, "rows of a step").at_least(1),
      key("micro_batch", 4, "rows that go through the model together").at_least(1),
      key("lr", 1e-4, "highest learning rate").range(0, 10),
      key("lr_schedule", "linear", "behind the warm-up").one_of({"constant", "linear", "cosine"}),
      key("warmup", 100, "steps over which the rate rises linearly from 0").at_least(0),
      key("weight_decay", 0.0, "decoupled (AdamW)").range(0, 10),
      key("beta1", 0.9, "of AdamW").range(0, 1),
      key("beta2", 0.999, "of AdamW").range(0, 1),
      key("evaluate_every", 100, "steps between looks at the rows held out").at_least(1),
      key("seed", 42, "of order, dropout and first values").at_least(0),
      key("save_every", 50, "steps between saved states; 0: none").at_least(0).without_identity()};
}

TextTrainingSettings::TextTrainingSettings(const Config& c)
    : file(c.get<std::string>("file")),
      format(c.get<std::string>("format")),
      schedule(c.get<std::string>("lr_schedule")),
      rows(c.get<int64_t>("rows")),
      cutoff(c.get<int64_t>("cutoff")),
      validation(c.get<int64_t>("validation")),
      steps(c.get<int64_t>("steps")),
      batch(c.get<int64_t>("batch")),
      micro_batch(c.get<int64_t>("micro_batch")),
      warmup(c.get<int64_t>("warmup")),
      evaluate_every(c.get<int64_t>("evaluate_every")),
      save_every(c.get<int64_t>("save_every")),
      epochs(c.get<double>("epochs")),
      lr(c.get<double>("lr")),
      weight_decay(c.get<double>("weight_decay")),
      beta1(c.get<double>("beta1")),
      beta2(c.get<double>("beta2")),
      seed(static_cast<uint64_t>(c.get<int64_t>("seed"))),
      text(to_json(c.value())) {}

double TextTrainingSettings::rate(int64_t step, int64_t total) const {
  if (step < warmup) return lr * static_cast<double>(step) / static_cast<double>(warmup);
  if (schedule == "constant") return lr;
  const double t = static_cast<double>(step - warmup) /
                   static_cast<double>(std::max<int64_t>(1, total - warmup));
  return schedule == "linear" ? lr * std::max(0.0, 1 - t)
                              : lr * 0.5 * (1 + std::cos(std::numbers::pi * std::min(t, 1.0)));
}

std::vector<TrainingRow> training_rows(const TextTrainingSettings& how,
                                       const Tokenizer& tokenizer) {
  std::vector<TrainingRow> all;
  for (const auto& text : texts_of(how)) {
    TrainingRow row{tokenizer.encode(text.prompt + text.response, true), 0};
    if (!text.prompt.empty())
      row.prompt = static_cast<int64_t>(tokenizer.encode(text.prompt, true).size());
    if (static_cast<int64_t>(row.ids.size()) > how.cutoff)
      row.ids.resize(static_cast<size_t>(how.cutoff));
    if (tokenizer.eos() && static_cast<int64_t>(row.ids.size()) < how.cutoff &&
        row.ids.back() != *tokenizer.eos())
      row.ids.push_back(*tokenizer.eos());
    if (std::max<int64_t>(1, row.prompt) < static_cast<int64_t>(row.ids.size()))
      all.push_back(std::move(row));
    if (how.rows > 0 && static_cast<int64_t>(all.size()) == how.rows) break;
  }
  if (static_cast<int64_t>(all.size()) <= how.validation)
    fail(
        "{}: {} rows have a response within {} tokens, and {} are held out; lower validation or "
        "raise cutoff",
        how.file, all.size(), how.cutoff, how.validation);
  return all;
}

}  // namespace bench
