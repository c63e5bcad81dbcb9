// The answers in a file, which says what is done and what is missing.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "answer_line.hpp"

namespace batch {

/// A file of answers that survives its writer. Opening it keeps the answers of earlier runs and drops their failures
/// and a last line that was cut off, so that `has` tells what need not be done again.
class answer_file {
 public:
    /// Throws `std::invalid_argument`, and changes nothing, if the file holds anything else, or an answer to a prompt
    /// that there is not.
    answer_file(const std::string& path, std::size_t prompts)
        : path_(std::filesystem::exists(path) ? std::filesystem::canonical(path) : std::filesystem::path(path)),
          has_(prompts) {
        if (std::filesystem::exists(path_)) {
            if (!std::filesystem::is_regular_file(path_)) throw std::invalid_argument(path + " is not a regular file");
            if (!read()) rewrite();
        }
        open();
    }

    bool has(std::size_t index) const { return has_[index]; }

    /// Writes a line and hands it to the system. Throws `std::system_error` if that fails, such as on a full disk.
    void append(std::size_t index, std::string_view line) {
        out_ << line << std::flush;
        if (!out_) throw std::system_error(errno, std::generic_category(), "cannot write " + path_.string());
        lines_.push_back({index, size_, line.size()});
        size_ += line.size();
    }

    /// Puts the lines in the order of their prompts.
    void sort() {
        const auto by_index = [](const place& left, const place& right) { return left.index < right.index; };
        if (std::ranges::is_sorted(lines_, by_index)) return;
        std::ranges::sort(lines_, by_index);
        out_.close();
        rewrite();
        open();
    }

 private:
    struct place {
        std::size_t index;
        std::uint64_t offset;
        std::size_t length;  // with the end of the line
    };

    // Returns whether the file can stay as it is.
    bool read() {
        bool intact = true;
        std::ifstream in(path_, std::ios::binary);
        std::string line;
        for (std::size_t number = 1; std::getline(in, line); ++number) {
            const bool cut_off = in.eof();
            const auto answer = read_answer_head(line);
            if (answer && answer->index < has_.size()) {
                const bool keep = !answer->failed && !has_[answer->index];
                if (keep) lines_.push_back({answer->index, size_, line.size() + 1});
                if (keep) has_[answer->index] = true;
                intact = intact && keep && !cut_off;
            } else if (!answer && cut_off && (line.starts_with(line_start) || line_start.starts_with(line))) {
                intact = false;
            } else {
                throw std::invalid_argument(path_.string() + ", line " + std::to_string(number) +
                                            ": not an answer to one of these prompts; choose another --out");
            }
            size_ += line.size() + 1;
        }
        return intact;
    }

    // Makes the file hold the lines of `lines_` in that order. It is replaced at once: a crash leaves the old one or
    // the new one.
    void rewrite() {
        std::filesystem::path fresh = path_;
        fresh += ".new";
        std::ifstream in(path_, std::ios::binary);
        std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
        std::string line;
        size_ = 0;
        for (place& where : lines_) {
            line.resize(where.length - 1);
            in.seekg(static_cast<std::streamoff>(where.offset));
            in.read(line.data(), static_cast<std::streamsize>(line.size()));
            out << line << '\n';
            where.offset = size_;
            size_ += where.length;
        }
        if (!in || !out.flush())
            throw std::system_error(errno, std::generic_category(), "cannot write " + fresh.string());
        out.close();
        std::filesystem::permissions(fresh, std::filesystem::status(path_).permissions());
        std::filesystem::rename(fresh, path_);
    }

    void open() {
        out_.open(path_, std::ios::binary | std::ios::app);
        if (!out_) throw std::invalid_argument("cannot write " + path_.string());
    }

    std::filesystem::path path_;
    std::vector<bool> has_;
    std::vector<place> lines_;
    std::uint64_t size_ = 0;
    std::ofstream out_;
};

}  // namespace batch
