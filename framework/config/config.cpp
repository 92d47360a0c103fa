#include "config/config.h"

#include "base/error.h"

namespace bench {
namespace {

template <class T>
T as(const Value& v, const std::string& path) {
  if constexpr (std::is_same_v<T, double>)
    if (v.is_int()) return static_cast<double>(std::get<int64_t>(v.data));
  if (!std::holds_alternative<T>(v.data))
    fail("{}: unexpected {} {}", path, type_name(v), to_json(v));
  return std::get<T>(v.data);
}

template <class T>
std::vector<T> list_as(const Value& v, const std::string& path) {
  std::vector<T> out;
  if (v.is_null()) return out;
  if (!v.is_list()) return {as<T>(v, path)};
  for (const auto& item : v.list()) out.push_back(as<T>(item, path));
  return out;
}

}  // namespace

bool Config::has(const std::string& key) const {
  const Value* v = value_.find(key);
  return v && !v->is_null();
}

const Value& Config::read(const std::string& key) const {
  const Value* v = value_.find(key);
  if (!v) fail("{}.{}: missing", path_, key);
  return *v;
}

Config Config::at(const std::string& key) const {
  const auto path = path_.empty() ? key : path_ + "." + key;
  return has(key) ? Config(read(key), path) : Config(Value(Value::Map{}), path);
}

#define BENCH_SCALAR(T)                            \
  template <>                                      \
  T Config::get<T>(const std::string& key) const { \
    return as<T>(read(key), path_ + "." + key);    \
  }
#define BENCH_LIST(T)                                                        \
  template <>                                                                \
  std::vector<T> Config::get<std::vector<T>>(const std::string& key) const { \
    return list_as<T>(read(key), path_ + "." + key);                         \
  }
BENCH_SCALAR(bool)
BENCH_SCALAR(int64_t)
BENCH_SCALAR(double)
BENCH_SCALAR(std::string)
BENCH_LIST(int64_t)
BENCH_LIST(double)
BENCH_LIST(std::string)
#undef BENCH_SCALAR
#undef BENCH_LIST

}  // namespace bench
