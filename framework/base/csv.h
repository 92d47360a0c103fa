#pragma once
#include <map>
#include <string>
#include <vector>

namespace bench {

/// Records of a CSV text (RFC 4180: quoted fields may hold commas, line ends and doubled quotes),
/// each as column -> field by the names of the first record. A record with another number of
/// fields, or a quote that never ends, is an Error with file and line.
std::vector<std::map<std::string, std::string>> read_csv(const std::string& text,
                                                         const std::string& file);

}  // namespace bench
