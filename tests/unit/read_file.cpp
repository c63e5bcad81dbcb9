// Contracts of reading images, sounds and documents from disk: what they become, and what is refused.
#include <chorus/async/offload.hpp>
#include <chorus/read_file.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <support/scratch_directory.hpp>

namespace read_file_tests {

namespace {

using namespace chorus;
using namespace std::string_view_literals;
using testing_support::scratch_directory;

std::string_view type_of(std::string_view bytes) {
    return media_type_of(std::as_bytes(std::span(bytes)));
}

constexpr std::string_view png = "\x89PNG\r\n\x1a\n\0\0"sv;
constexpr std::string_view mp3 = "\xff\xfb\x90\x64\0\0"sv;

TEST(media_type_of, knows_files_by_their_first_bytes) {
    const std::pair<std::string_view, std::string_view> table[] = {{png, "image/png"},
                                                                   {"\xff\xd8\xff\xe0", "image/jpeg"},
                                                                   {"GIF87a,", "image/gif"},
                                                                   {"GIF89a,", "image/gif"},
                                                                   {"RIFF\0\0\0\0WEBPVP8 "sv, "image/webp"},
                                                                   {"%PDF-1.7\n", "application/pdf"},
                                                                   {"RIFF\0\0\0\0WAVEfmt "sv, "audio/wav"},
                                                                   {"ID3\x04", "audio/mpeg"},
                                                                   {mp3, "audio/mpeg"},
                                                                   {"\xff\xf3\x40\xc0", "audio/mpeg"},
                                                                   {"", ""},
                                                                   {"\x89PNG", ""},
                                                                   {"RIFF\0\0\0\0AVI LIST"sv, ""},
                                                                   {"RIFF\0\0\0\0WAV"sv, ""},
                                                                   {"\xff\xfe"
                                                                    "a\0b\0"sv,
                                                                    ""},                      // UTF-16
                                                                   {"\xff\xf1\x50\x80", ""},  // AAC
                                                                   {"\xff\xfb\xf0\x64", ""},  // no bit rate
                                                                   {"\xff\xfb\x9c\x64", ""},  // no sampling rate
                                                                   {"\xff\xea\x90\x64", ""},  // no version
                                                                   {"\xff\xfb\x90", ""},
                                                                   {"<svg xmlns=''>", ""},
                                                                   {"Text about %PDF-1.7", ""}};
    for (const auto& [bytes, type] : table) EXPECT_EQ(type_of(bytes), type) << ::testing::PrintToString(bytes);
}

CHORUS_REAL_TIME_TEST(read_file, makes_the_part_that_a_file_calls_for) {
    const scratch_directory folder;
    const std::string image = folder.write("photo.jpg", std::string(png));
    const auto photo = co_await read_image(image, "low");
    CO_ASSERT_TRUE(photo);
    EXPECT_EQ(std::get<image_part>(photo->value).url, "data:image/png;base64,iVBORw0KGgoAAA==") << "not by its name";
    EXPECT_EQ(std::get<image_part>(photo->value).detail, "low");

    const auto same = co_await read_file(image);
    CO_ASSERT_TRUE(same);
    EXPECT_EQ(std::get<image_part>(same->value).url, std::get<image_part>(photo->value).url);
    const auto heard = co_await read_file(folder.write("a.mp3", std::string(mp3)));
    CO_ASSERT_TRUE(heard);
    EXPECT_EQ(std::get<audio_part>(heard->value).data, "//uQZAAA");
    EXPECT_EQ(std::get<audio_part>(heard->value).format, "mp3");
    const auto paper = co_await read_file(folder.write("paper", "%PDF-"));
    CO_ASSERT_TRUE(paper);
    EXPECT_EQ(std::get<file_part>(paper->value).data, "data:application/pdf;base64,JVBERi0=");
    EXPECT_EQ(std::get<file_part>(paper->value).filename, "paper");
}

CHORUS_REAL_TIME_TEST(read_file, says_what_is_wrong_with_a_file) {
    const scratch_directory folder;
    const std::string image = folder.write("photo.png", std::string(png));
    const std::string document = folder.write("paper.pdf", "%PDF-");
    const std::string text = folder.write("notes.txt", "hello");
    const std::string nothing = folder.write("nothing.png", "");
    struct refusal {
        std::string path;
        bool is_image_wanted;
        std::size_t max_bytes;
        std::string_view why;
    };
    const refusal table[] = {{image + ".gone", true, 100, "No such file or directory"},
                             {folder.path(), true, 100, "Is a directory"},
                             {image, true, png.size() - 1, "it has more than 9 bytes"},
                             {image, true, 0, "it has more than 0 bytes"},
                             {image, true, png.size(), ""},
                             {document, true, 100, "it is no image, but application/pdf"},
                             {text, true, 100, "it is neither PNG, JPEG, GIF nor WebP"},
                             {text, false, 100, "it is neither PNG, JPEG, GIF, WebP, PDF, WAV nor MP3"},
                             {nothing, true, 100, "it is empty"}};
    for (const refusal& each : table) {
        read_file_options options;
        options.max_bytes = each.max_bytes;
        auto reading = each.is_image_wanted ? read_image(each.path, {}, options) : read_file(each.path, options);
        const auto read = co_await std::move(reading);
        EXPECT_EQ(read.has_value(), each.why.empty()) << each.path;
        if (read) continue;
        EXPECT_EQ(read.error(), errc::invalid_argument);
        EXPECT_EQ(read.error().phase(), phase::input);
        EXPECT_EQ(read.error().param(), "path");
        EXPECT_EQ(read.error().text(), "cannot use the file '" + each.path + "': " + std::string(each.why));
    }
}

CHORUS_REAL_TIME_TEST(read_file, takes_files_of_many_pieces_on_a_pool_of_the_caller) {
    std::string large(png);
    large.resize(700'001, 'x');
    const scratch_directory folder;
    const std::string image = folder.write("large.png", large);
    asio::thread_pool pool(1);
    read_file_options options;
    options.pool = &pool;
    const auto read = co_await read_image(image, {}, options);
    CO_ASSERT_TRUE(read);
    EXPECT_EQ(std::get<image_part>(read->value).url.size(), std::string("data:image/png;base64,").size() + 933'336);
}

}  // namespace

}  // namespace read_file_tests
