#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "parity/verify.h"

namespace bench::verify {

Run::Run(fs::path folder, std::vector<fs::path> model_folders, bool full)
    : folder_(std::move(folder)), full_(full), folders_(std::move(model_folders)) {
  // Recorded cases keep their random models beside them.
  for (auto at = fs::absolute(folder_); at.has_relative_path(); at = at.parent_path())
    if (fs::is_directory(at / "tiny_models")) {
      folders_.push_back(at / "tiny_models");
      break;
    }
  for (const auto& entry : fs::recursive_directory_iterator(folder_))
    if (entry.is_directory() && entry.path().filename() == "tiny_models")
      folders_.push_back(entry.path());
}

Run::Loaded& Run::model(const std::string& name) {
  auto& slot = models_[name];
  if (!slot) {
    fs::path where;
    try {
      where = resolve_model(name, folders_);
    } catch (const Error& e) {
      throw Missing(e.what());
    }
    const auto type = model_type_of(where);
    const auto known = model_types();
    if (std::find(known.begin(), known.end(), type) == known.end())
      throw Missing(fmt::format("family '{}' is not here yet", type));
    auto loaded = std::make_unique<Loaded>();
    loaded->checkpoint = read_checkpoint(where);
    loaded->model = build_model(loaded->checkpoint);
    loaded->dense = std::make_unique<Snapshot>(*loaded->model);
    slot = std::move(loaded);  // whole, or not there: the next record asks again
  }
  slot->dense->restore(*slot->model);
  return *slot;
}

fs::path Run::input(const fs::path& case_file, const std::string& relative) const {
  // `inputs.json` beside the inputs of a model may say that they are another model's.
  const fs::path name(relative);
  const std::string same = "same ids as ";
  for (auto at = fs::absolute(case_file).parent_path(); at.has_relative_path();
       at = at.parent_path()) {
    if (fs::exists(at / relative)) return at / relative;
    const auto said = at / name.parent_path() / "inputs.json";
    if (!fs::exists(said)) continue;
    const auto entry = read_json(said).value(name.stem().string(), Json());
    if (entry.is_string() && entry.get<std::string>().rfind(same, 0) == 0)
      return input(case_file, entry.get<std::string>().substr(same.size()));
  }
  throw Missing(relative + " is in no parent folder");
}

fs::path Run::data(const std::string& relative) const {
  for (const auto& folder : folders_)
    for (const auto& at : {folder, folder / ".."})
      if (fs::exists(at / relative)) return at / relative;
  throw Missing(relative + " is in no model folder; --models DIR adds one");
}

std::string Run::relative(const fs::path& file) const {
  return fs::relative(file, folder_).string();
}

void Run::pass(const std::string& kind, double share) {
  auto& t = tallies_[kind];
  ++t.passed;
  t.worst = std::max(t.worst, share);
}

void Run::fail_case(const std::string& kind, const fs::path& file, const std::string& why) {
  auto& t = tallies_[kind];
  ++t.failed;
  t.lines.push_back("FAILED  " + relative(file) + ": " + why);
}

void Run::partial(const std::string& kind, const fs::path& file, const std::string& what) {
  tallies_[kind].lines.push_back("partly  " + relative(file) + ": " + what);
}

void Run::skip(const std::string& kind, const fs::path& file, const std::string& why) {
  auto& t = tallies_[kind];
  ++t.skipped;
  t.lines.push_back("skipped " + relative(file) + ": " + why);
}

void Run::note(const fs::path& file, const std::string& what) {
  notes_.push_back("note    " + relative(file) + ": " + what);
}

Json read_json(const fs::path& file) {
  std::ifstream in(file);
  auto json = Json::parse(in, nullptr, false);
  if (json.is_discarded()) bench::fail("{}: is no JSON", file.string());
  return json;
}

}  // namespace bench::verify
