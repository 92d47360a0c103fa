#pragma once
#include <string_view>

namespace bench::page {

/// The files beside this one, and Chart.js, embedded at build time (cmake/embed.cmake).
std::string_view page_html();
std::string_view style_css();
std::string_view app_js();
std::string_view curve_js();
std::string_view panel_js();
std::string_view scatter_js();
/// Empty where Chart.js was missing at build time; the page then says so.
std::string_view chart_js();

}  // namespace bench::page
