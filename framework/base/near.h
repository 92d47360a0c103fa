#pragma once
#include <string>
#include <vector>

namespace bench {

/// Damerau-Levenshtein distance (insert, delete, replace, swap neighbours), in bytes.
int edit_distance(const std::string& a, const std::string& b);

/// The up to `most` names that `wrong` may have been meant as, nearest first, ties by name.
std::vector<std::string> nearest(const std::string& wrong, const std::vector<std::string>& known,
                                 size_t most = 3);

/// "; did you mean wanda?" or, where nothing is near, "; known: a, b, c". Empty if none is known.
std::string suggestion(const std::string& wrong, const std::vector<std::string>& known);

}  // namespace bench
