#include "fleet/process_name.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace bench {
namespace {

std::string host() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

/// Field 22 of /proc/pid/stat: start in clock ticks since boot; empty where there is no such
/// process.
std::string start_time(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string stat((std::istreambuf_iterator<char>(in)), {});
  const auto close = stat.rfind(')');  // the command may hold blanks and parentheses
  if (close == std::string::npos) return "";
  std::istringstream fields(stat.substr(close + 2));
  std::string field, state;
  fields >> state;
  if (state == "Z") return "";  // dead, not yet waited for
  for (int i = 4; i <= 22; ++i) fields >> field;
  return field;
}

}  // namespace

std::string process_name(int pid) {
  return host() + ":" + std::to_string(pid) + ":" + start_time(pid);
}

std::string process_name() {
  return process_name(getpid());
}

bool is_gone(const std::string& process) {
  const auto last = process.rfind(':');
  if (last == std::string::npos || last == 0) return false;
  const auto middle = process.rfind(':', last - 1);
  if (middle == std::string::npos || process.substr(0, middle) != host()) return false;
  const int pid = std::atoi(process.substr(middle + 1, last - middle - 1).c_str());
  return start_time(pid) != process.substr(last + 1);
}

}  // namespace bench
