#include "trial/judge.h"

#include "trial/trial_record.h"

namespace bench {

Judge::Judge(Outcome& out, Workbench& bench, std::string model)
    : out_(out), bench_(bench), model_(std::move(model)), record_(recorded_model(model_)) {}

void Judge::add(std::vector<VerdictRow> rows) {
  for (auto& row : rows) out_.verdicts.push_back(std::move(row));
}

void Judge::stage(Model& model, const Pattern& pattern, const std::string& name) {
  certificate_ =
      certify(model, pattern, name, certificate_.stage.empty() ? nullptr : &certificate_);
  out_.verdicts.push_back({"mask_holds", true, certificate_.text()});
  if (pattern.kind == Pattern::NM)
    out_.verdicts.push_back({"nm_holds", true, name + ": keeps at most " + pattern.label()});
  set_hash(out_, name == "shrink" ? "mask_shrink" : "mask", certificate_.mask_hash);
}

void Judge::source(CalibrationSource source) {
  for (const auto& s : sources_)
    if (s.file == source.file && std::string(s.used) == source.used) return;  // of another round
  if (!source.file.empty()) sources_.push_back(std::move(source));
}

void Judge::evidence(const Evidence& e) {
  keep_hash(out_, shown(e.file), bytes_of(e.file));
  if (e.tokenizer) keep_hash(out_, "tokenizer " + e.variant, e.tokenizer->hash());
  add(judge_evidence(e, model_, record_));
  for (const auto& s : sources_) out_.verdicts.push_back(judge_leak(e, s, bench_));
}

void Judge::gates() {
  add(judge_gates(out_.metrics, record_));
}

}  // namespace bench
