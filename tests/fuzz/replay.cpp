// Runs a target on every input of its corpus: what a fuzzer found once stays found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/target.hpp"

namespace {

std::vector<std::filesystem::path> corpus() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(CHORUS_FUZZ_CORPUS)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

TEST(fuzz_corpus, holds_for_every_input) {
    const auto files = corpus();
    ASSERT_FALSE(files.empty());
    for (const auto& file : files) {
        fuzz::input_name() = file.c_str();
        std::ifstream in(file, std::ios::binary);
        const std::string input((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
        EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()), 0);
    }
}

}  // namespace
