// Contracts of base64: the vectors of RFC 4648, and what is refused.
#include <chorus/base64.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace base64_tests {

namespace {

using namespace chorus::detail;

std::string encoded(std::string_view text) {
    return encode_base64(std::as_bytes(std::span(text)));
}

std::optional<std::string> decoded(std::string_view text) {
    std::string bytes(base64_decoded_size(text), '\0');
    if (!decode_base64(text, std::as_writable_bytes(std::span(bytes)))) return std::nullopt;
    return bytes;
}

struct vector {
    std::string_view bytes;
    std::string_view text;
};
// RFC 4648, section 10.
constexpr vector vectors[] = {{"", ""},
                              {"f", "Zg=="},
                              {"fo", "Zm8="},
                              {"foo", "Zm9v"},
                              {"foob", "Zm9vYg=="},
                              {"fooba", "Zm9vYmE="},
                              {"foobar", "Zm9vYmFy"}};

TEST(base64, encodes_and_decodes_the_vectors_of_the_standard) {
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(encoded(bytes), text);
        EXPECT_EQ(decoded(text), bytes) << text;
    }
}

TEST(base64, makes_data_urls) {
    EXPECT_EQ(make_data_url("image/png", std::as_bytes(std::span("foob", 4))), "data:image/png;base64,Zm9vYg==");
    EXPECT_EQ(make_data_url("a/b", {}), "data:a/b;base64,");
}

TEST(base64, decodes_without_padding) {
    for (const auto& [bytes, text] : vectors) {
        const std::string_view bare = text.substr(0, text.find('='));
        EXPECT_EQ(base64_decoded_size(bare), bytes.size());
        EXPECT_EQ(decoded(bare), bytes) << bare;
    }
}

TEST(base64, gives_back_any_bytes_of_any_length) {
    std::mt19937 random(1);
    std::string bytes;
    for (int length = 0; length < 300; ++length) {
        EXPECT_EQ(decoded(encoded(bytes)), bytes) << length;
        bytes += static_cast<char>(random());
    }
}

TEST(base64, uses_every_letter_of_the_alphabet) {
    const std::string all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto bytes = decoded(all);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(bytes->size(), 48u);
    EXPECT_EQ(encoded(*bytes), all);
}

TEST(base64, refuses_every_other_character_at_every_place) {
    const std::string good = "Zm9vYmFyZm8";
    ASSERT_TRUE(decoded(good));
    for (std::size_t place = 0; place < good.size(); ++place) {
        for (int c = 0; c < 256; ++c) {
            const bool is_letter =
                (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
            if (is_letter) continue;
            std::string bad = good;
            bad[place] = static_cast<char>(c);
            EXPECT_FALSE(decoded(bad)) << place << ": " << c;
        }
    }
}

TEST(base64, refuses_lengths_and_paddings_that_no_bytes_give) {
    for (const char* bad : {"Z", "=", "==", "===", "====", "Z===", "Zm9vZ", "Zg=", "Zg===", "Zm8==", "Zm=v",
                            "=Zg=", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm9-", "Zm9_"}) {
        EXPECT_FALSE(decoded(bad)) << bad;
    }
}

TEST(base64, refuses_bits_that_belong_to_no_byte) {
    EXPECT_FALSE(decoded("Zh=="));
    EXPECT_FALSE(decoded("Zm9="));
    EXPECT_TRUE(decoded("Zm8="));
}

}  // namespace

}  // namespace base64_tests
