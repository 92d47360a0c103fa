#pragma once
#include <string_view>

namespace bench::page {

/// The files beside this one, embedded at build time (cmake/embed.cmake); the scripts are one.
std::string_view html();
std::string_view style();
std::string_view script();

}  // namespace bench::page
