#pragma once
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "models/checkpoint.h"
#include "data/data.h"

/// A model that benchmarks share: read once in a process.
struct Subject {
  bench::Checkpoint checkpoint;
  std::unique_ptr<bench::Model> model;
};

/// Null where the model is not on this machine.
inline Subject* subject(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Subject>> all;
  auto& s = all[name];
  if (s) return s.get();
  try {
    auto found = std::make_unique<Subject>();
    found->checkpoint = bench::read_checkpoint(bench::resolve_model(name, bench::model_folders()));
    found->model = bench::build_model(found->checkpoint);
    s = std::move(found);
  } catch (const bench::Error&) {
    return nullptr;
  }
  return s.get();
}
