#include "tokenizers/json_file.h"

#include <fstream>

#include "base/error.h"
#include "base/regular_file.h"

namespace bench::text {

namespace {

constexpr size_t kMostBytes = size_t{256} << 20;  // the largest published tokenizer.json has 35 MB
constexpr int kMostDepth = 64;

/// The builders below recurse as deep as the file nests, so this is their limit too.
void check_depth(const std::string& bytes, const std::string& where) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMostDepth) fail("{} nests deeper than {} levels", where, kMostDepth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

[[noreturn]] void wrong_type(const std::string& key, const std::string& where, const char* type) {
  fail("{}: \"{}\" is not {}; correct the file", where, key, type);
}

}  // namespace

std::string read_bytes(const std::filesystem::path& file) {
  require_regular(file);
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) fail("cannot read {}; check the path and its permissions", file.string());
  const auto size = static_cast<std::streamoff>(in.tellg());
  if (size < 0) fail("{} is not a file that can be read", file.string());
  if (static_cast<size_t>(size) > kMostBytes) {
    fail("{} has {} bytes, more than any tokenizer's file ({} MiB)", file.string(), size,
         kMostBytes >> 20);
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  in.seekg(0);
  in.read(bytes.data(), size);
  if (in.gcount() != size) fail("reading {} stopped before its end; try again", file.string());
  return bytes;
}

Json parse_json(const std::string& bytes, const std::string& where) {
  check_depth(bytes, where);
  try {
    return Json::parse(bytes);
  } catch (const Json::exception& error) {
    fail("{} is not valid JSON: {}", where, error.what());
  }
}

bool has(const Json& object, const std::string& key) {
  if (!object.is_object()) return false;
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

const Json& get(const Json& object, const std::string& key, const std::string& where) {
  if (!has(object, key)) fail("{} lacks \"{}\"", where, key);
  return *object.find(key);
}

const Json& get_array(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = get(object, key, where);
  if (!value.is_array()) wrong_type(key, where, "a list");
  return value;
}

std::vector<const Json*> sequence_parts(const Json& sequence, const char* key,
                                        const std::string& where) {
  std::vector<const Json*> parts;
  for (const Json& part : get_array(sequence, key, where)) {
    if (part.is_null()) fail("{} has an empty part in its Sequence", where);
    if (get_string(part, "type", where) != "Sequence") {
      parts.push_back(&part);
      continue;
    }
    const auto inner = sequence_parts(part, key, where);
    parts.insert(parts.end(), inner.begin(), inner.end());
  }
  return parts;
}

void check_growth(size_t now, size_t before) {
  if (now > 64 * before + (size_t{1} << 14))
    fail("a tokenizer makes {} bytes out of {}; its steps do not fit together", now, before);
}

std::string get_string(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = get(object, key, where);
  if (!value.is_string()) wrong_type(key, where, "a text");
  return value.get<std::string>();
}

std::string get_string(const Json& object, const std::string& key, const std::string& otherwise,
                       const std::string& where) {
  return has(object, key) ? get_string(object, key, where) : otherwise;
}

bool get_bool(const Json& object, const std::string& key, bool otherwise,
              const std::string& where) {
  if (!has(object, key)) return otherwise;
  const Json& value = *object.find(key);
  if (!value.is_boolean()) wrong_type(key, where, "true or false");
  return value.get<bool>();
}

int64_t get_int(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = get(object, key, where);
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  if (!fits) wrong_type(key, where, "a whole number");
  return value.get<int64_t>();
}

}  // namespace bench::text
