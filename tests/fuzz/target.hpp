// What a fuzz target is, for libFuzzer and for the replay of its corpus.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace fuzz {

/// The name of the input at work, where there is one to say.
inline const char*& input_name() {
    static const char* name = "";
    return name;
}

/// Ends the program if something does not hold that must: libFuzzer keeps the input.
inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s %s\n", what, input_name());
    std::abort();
}

/// The input, after a first byte that says into pieces of which size it is cut.
class cut_input {
 public:
    cut_input(const std::uint8_t* bytes, std::size_t size)
        : all_(reinterpret_cast<const char*>(bytes), size), piece_(size == 0 ? 1 : 1 + bytes[0] % 32) {
        if (!all_.empty()) all_.remove_prefix(1);
    }

    std::string_view whole() const noexcept { return all_; }
    /// Calls `take(piece)` for each piece, as long as it returns true.
    template <class Take>
    void for_each_piece(Take take) const {
        for (std::string_view rest = all_; !rest.empty(); rest.remove_prefix(std::min(piece_, rest.size()))) {
            if (!take(rest.substr(0, piece_))) return;
        }
    }

 private:
    std::string_view all_;
    std::size_t piece_;
};

}  // namespace fuzz
