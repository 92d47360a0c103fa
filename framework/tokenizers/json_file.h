#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace bench::text {

using Json = nlohmann::json;

/// A file's bytes; an Error if it cannot be read or is larger than any vocabulary.
std::string read_bytes(const std::filesystem::path& file);

/// JSON from bytes. Bad syntax or deep nesting is an Error naming `where`.
Json parse_json(const std::string& bytes, const std::string& where);

// The value of a key. `where` names the file and the object in errors, e.g. "t.json: model".
// null counts as absent; a value of another type is an Error.
std::string get_string(const Json& object, const std::string& key, const std::string& where);
std::string get_string(const Json& object, const std::string& key, const std::string& otherwise,
                       const std::string& where);
bool get_bool(const Json& object, const std::string& key, bool otherwise, const std::string& where);
int64_t get_int(const Json& object, const std::string& key, const std::string& where);
bool has(const Json& object, const std::string& key);
/// The value itself; absent: an Error.
const Json& get(const Json& object, const std::string& key, const std::string& where);
const Json& get_array(const Json& object, const std::string& key, const std::string& where);

/// The parts of a "Sequence" under `key`, those of sequences within it in their place. An empty
/// part is an Error.
std::vector<const Json*> sequence_parts(const Json& sequence, const char* key,
                                        const std::string& where);

/// Steps that each make a text a little longer make it too long for any memory when there are many:
/// more than 64 times what it was, and 16 KiB, is an Error.
void check_growth(size_t now, size_t before);

}  // namespace bench::text
