// The paths that a command line means.
// Invariant: the order is that of the arguments and of the list; what a pattern stands for is sorted.
#pragma once

#include <filesystem>
#include <istream>
#include <string>
#include <vector>

namespace karyon {

/// Each argument is
///   -            the paths that `in` lists, one a line, or separated by NUL where it holds one (find -print0); they
///                are taken as they stand, and empty ones passed over
///   a pattern    with * ? or [ that is no path itself: what glob(3) finds for it, for shells that do not expand it
///   a path       everything else, there or not
/// Error no_input for a list of nothing and for a pattern that nothing fits, naming it; io when `in` or a folder cannot
/// be read.
std::vector<std::filesystem::path> expand_paths(const std::vector<std::string>& arguments, std::istream& in);

}  // namespace karyon
