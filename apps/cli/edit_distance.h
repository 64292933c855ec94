// How far apart two words are: the least number of inserted, removed and replaced characters and swapped neighbours
// (Levenshtein; swaps as in the optimal string alignment distance).
#pragma once

#include <string_view>

namespace karyon {

/// Time and memory grow with the product of the lengths: meant for words.
int edit_distance(std::string_view a, std::string_view b);

}  // namespace karyon
