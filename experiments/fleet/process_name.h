#pragma once
#include <string>

namespace bench {

/// host:pid:start — names a process so that a later one with the same pid is not taken for it.
std::string process_name();
std::string process_name(int pid);
/// Is that process, on this machine, certainly gone? False for processes of other machines.
bool is_gone(const std::string& process);

}  // namespace bench
