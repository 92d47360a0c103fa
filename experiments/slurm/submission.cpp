#include "slurm/submission.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "results/merge.h"
#include "results/sqlite.h"
#include "results/store.h"

namespace bench::slurm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Beside its place, forced to the disk, then renamed.
void replace_file(const fs::path& place, const std::string& text) {
  const auto beside = place.string() + ".new";
  const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  bool good = fd >= 0;
  for (size_t at = 0; good && at < text.size();) {
    const ssize_t n = write(fd, text.data() + at, text.size() - at);
    good = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) at += static_cast<size_t>(n);
  }
  good = good && fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) close(fd);
  if (!good || std::rename(beside.c_str(), place.c_str()) != 0) {
    const int reason = good ? errno : why;
    unlink(beside.c_str());
    fail("{}: cannot be written: {}", place.string(), std::strerror(reason));
  }
}

std::string list_of(const std::string& db) {
  return fs::absolute(db).lexically_normal().string() + ".slurm";
}

fs::path mark_of(const Submission& s, int64_t element, const char* what) {
  return fs::path(s.folder) / fmt::format("shard-{}.{}", element, what);
}

const Queued* find(const std::vector<Queued>& queue, const Submission& s, int64_t element) {
  for (const auto& q : queue)
    if (q.job == s.job && q.element == element) return &q;
  return nullptr;
}

bool is_live(const Submission& s, const std::vector<Queued>& queue) {
  for (const auto& q : queue)
    if (q.job == s.job) return true;
  return false;
}

}  // namespace

void write_submission(const Submission& s, const std::string& folder) {
  Json files = Json::array();
  for (const auto& f : s.files) files.push_back({f.path, f.stamp, f.digest});
  const Json json{{"job", s.job},
                  {"merge", s.merge},
                  {"folder", s.folder},
                  {"db", s.db},
                  {"elements", s.elements},
                  {"timeout_min", s.timeout_min},
                  {"signal_delay_s", s.signal_delay_s},
                  {"max_num_timeout", s.max_num_timeout},
                  {"submitted", s.submitted},
                  {"files", files}};
  replace_file(fs::path(folder) / "submission.json",
               json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Submission read_submission(const std::string& folder) {
  const auto file = (fs::path(folder) / "submission.json").string();
  const auto json = Json::parse(text_of(file), nullptr, false);
  try {
    Submission s;
    s.folder = json.at("folder");
    s.db = json.at("db");
    s.job = json.at("job");
    s.merge = json.at("merge");
    s.elements = json.at("elements");
    s.timeout_min = json.at("timeout_min");
    s.signal_delay_s = json.at("signal_delay_s");
    s.max_num_timeout = json.at("max_num_timeout");
    s.submitted = json.at("submitted");
    for (const auto& f : json.at("files")) s.files.push_back({f.at(0), f.at(1), f.at(2)});
    return s;
  } catch (const Json::exception&) {
    fail("{}: is not there, or was not written by 'bench run launcher=slurm'", file);
  }
}

std::vector<Submission> submissions_of(const std::string& db) {
  std::vector<Submission> all;
  std::ifstream in(list_of(db));
  for (std::string folder; std::getline(in, folder);) {
    if (folder.empty() || !fs::exists(fs::path(folder) / "submission.json")) continue;
    auto s = read_submission(folder);
    s.folder = folder;
    if (std::find(all.begin(), all.end(), s) == all.end()) all.push_back(std::move(s));
  }
  return all;
}

void list_submission(const Submission& s) {
  const auto list = list_of(s.db), line = s.folder + "\n";
  const int fd = open(list.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const bool good =
      fd >= 0 && write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int why = errno;
  if (fd >= 0) close(fd);
  if (!good) fail("{}: cannot be written: {}", list, std::strerror(why));
}

std::string shard_of(const Submission& s, int64_t element) {
  return (fs::path(s.folder) / fmt::format("shard-{}.db", element)).string();
}

void publish(const std::string& ledger, const std::string& place) {
  // SQLite writes on this machine's own disk: a network file system has no locks to rely on.
  const auto whole = fs::temp_directory_path() / fmt::format("bench-publish-{}.db", getpid());
  fs::remove(whole);
  try {
    {
      sqlite::Connection db(ledger,
                            SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE);
      db.prepare("VACUUM INTO ?1").with(whole.string()).run();
    }
    replace_file(place, text_of(whole));
  } catch (...) {
    std::error_code ignored;
    fs::remove(whole, ignored);
    throw;
  }
  fs::remove(whole);
}

void freeze(const std::vector<TrialSpec>& trials, const std::string& place) {
  const auto local = fs::temp_directory_path() / fmt::format("bench-freeze-{}.db", getpid());
  const auto drop = [&] {
    std::error_code ignored;
    for (const char* end : {"", "-wal", "-shm"}) fs::remove(local.string() + end, ignored);
  };
  drop();
  try {
    {
      Store store(local.string());
      store.submit(trials);
    }
    publish(local.string(), place);
  } catch (...) {
    drop();
    throw;
  }
  drop();
}

bool is_merged(const Submission& s) {
  return fs::exists(fs::path(s.folder) / "merged");
}

void gather(const std::vector<Submission>& submissions,
            const std::optional<std::vector<Queued>>& queue) {
  for (const auto& s : submissions) {
    if (is_merged(s)) continue;
    std::vector<std::string> shards;
    for (int64_t k = 0; k < s.elements; ++k)
      if (fs::exists(shard_of(s, k))) shards.push_back(shard_of(s, k));
    merge(s.db, shards);
    if (queue && !is_live(s, *queue)) replace_file(fs::path(s.folder) / "merged", "");
  }
}

std::vector<int64_t> bring_in(const std::string& db) {
  auto open = submissions_of(db);
  std::erase_if(open, is_merged);
  if (open.empty()) return {};
  std::optional<std::vector<Queued>> known;
  if (installed()) try {
      known = queue();
    } catch (const Error&) {
      // As where there is no Slurm: what has come back is merged all the same.
    }
  gather(open, known);
  std::vector<int64_t> live;
  for (const auto& s : open)
    if (known && is_live(s, *known)) live.push_back(s.job);
  return live;
}

int64_t timeouts_of(const Submission& s, int64_t element) {
  return std::atoll(text_of(mark_of(s, element, "timeouts")).c_str());
}

void count_timeout(const Submission& s, int64_t element) {
  replace_file(mark_of(s, element, "timeouts"), std::to_string(timeouts_of(s, element) + 1) + "\n");
}

void own(const Submission& s, int64_t element, const std::string& who) {
  replace_file(mark_of(s, element, "owner"), who);
}

bool owns(const Submission& s, int64_t element, const std::string& who) {
  return text_of(mark_of(s, element, "owner")) == who;
}

std::vector<Element> elements_of(const Submission& s, const std::vector<Queued>& queue) {
  std::vector<Element> all;
  for (int64_t k = 0; k < s.elements; ++k) {
    Element e;
    e.number = k;
    if (const auto* q = find(queue, s, k)) {
      e.state = q->state;
      e.reason = q->reason;
      e.time = q->time;
    }
    e.timeouts = timeouts_of(s, k);
    if (fs::exists(shard_of(s, k))) {
      const Store store(shard_of(s, k), Store::Mode::ReadOnly);
      for (const auto& t : store.trials()) {
        ++e.trials;
        e.done += t.state == "done";
        e.failed += t.state == "failed";
      }
    }
    all.push_back(std::move(e));
  }
  return all;
}

std::vector<std::string> in_flight(const std::vector<Submission>& submissions,
                                   const std::vector<Queued>& queue) {
  std::vector<std::string> ids;
  for (const auto& s : submissions)
    for (int64_t k = 0; k < s.elements; ++k) {
      if (!find(queue, s, k) || !fs::exists(shard_of(s, k))) continue;
      const Store store(shard_of(s, k), Store::Mode::ReadOnly);
      for (const auto& t : store.trials())
        if (t.state != "done" && t.state != "failed") ids.push_back(t.id);
    }
  return ids;
}

}  // namespace bench::slurm
