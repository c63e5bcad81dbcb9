// A directory for the files of one test.
#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include <stdlib.h>

namespace chorus::testing_support {

/// A new directory, gone with this object.
class scratch_directory {
 public:
    scratch_directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "chorus-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory for the files of a test");
        path_ = pattern;
    }
    ~scratch_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;

    std::string path() const { return path_; }
    std::string path(const std::string& name) const { return path_ / name; }
    /// Writes a file and returns its path.
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name) << text;
        return path(name);
    }

 private:
    std::filesystem::path path_;
};

}  // namespace chorus::testing_support
