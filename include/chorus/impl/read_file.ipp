#pragma once

#include <chorus/async/offload.hpp>
#include <chorus/error.hpp>
#include <chorus/read_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <utility>

namespace chorus {

CHORUS_DECL std::string_view media_type_of(std::span<const std::byte> bytes) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto byte = [&](std::size_t i) { return i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0U; };
    if (text.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
    if (text.starts_with("\xff\xd8\xff")) return "image/jpeg";
    if (text.starts_with("GIF87a") || text.starts_with("GIF89a")) return "image/gif";
    if (text.starts_with("%PDF-")) return "application/pdf";
    if (text.starts_with("RIFF") && text.size() >= 12) {
        if (text.substr(8, 4) == "WEBP") return "image/webp";
        if (text.substr(8, 4) == "WAVE") return "audio/wav";
    }
    if (text.starts_with("ID3")) return "audio/mpeg";
    // The head of a frame of layer III (ISO 11172-3, 2.4.2.3): 11 bits set, then a version, a bit rate and a sampling rate
    // that are not those reserved.
    const bool is_frame = byte(0) == 0xff && (byte(1) & 0xe6) == 0xe2 && (byte(1) & 0x18) != 0x08 &&
                          (byte(2) & 0xf0) != 0xf0 && (byte(2) & 0x0c) != 0x0c;
    return is_frame && bytes.size() >= 4 ? "audio/mpeg" : "";
}

namespace detail {

/// The work of one call on a thread of the pool.
struct file_reader {
    std::string path;
    std::string detail;
    std::size_t max_bytes;
    bool is_image_wanted;

    error refuse(std::string_view why) const {
        error failure(errc::invalid_argument,
                      std::string("cannot use the file '").append(path).append("': ").append(why));
        return failure.phase(phase::input).param("path");
    }
    error refuse_by(int reason) const { return refuse(std::generic_category().message(reason)); }

    result<std::string> read() const {
        constexpr auto close = [](std::FILE* open) { std::fclose(open); };
        const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"));
        if (!file) return refuse_by(errno);
        std::string bytes;
        // By pieces: what is no regular file does not tell how long it is.
        constexpr std::size_t piece = 256 * 1024;
        while (bytes.size() <= max_bytes) {
            const std::size_t before = bytes.size();
            const std::size_t wanted = std::min(piece, max_bytes - before) + 1;
            bytes.resize(before + wanted);
            errno = 0;
            const std::size_t count = std::fread(bytes.data() + before, 1, wanted, file.get());
            bytes.resize(before + count);
            if (count == wanted) continue;
            if (std::ferror(file.get()) != 0) return refuse_by(errno != 0 ? errno : EIO);
            return bytes;
        }
        return refuse("it has more than " + std::to_string(max_bytes) + " bytes");
    }

    result<content_part> operator()() {
        const auto read_bytes = read();
        if (!read_bytes) return read_bytes.error();
        const auto bytes = std::as_bytes(std::span(*read_bytes));
        if (bytes.empty()) return refuse("it is empty");
        const std::string_view type = media_type_of(bytes);
        if (type.starts_with("image/")) return content_part{image_part{make_data_url(type, bytes), std::move(detail)}};
        if (is_image_wanted) {
            return refuse(type.empty() ? "it is neither PNG, JPEG, GIF nor WebP"
                                       : "it is no image, but " + std::string(type));
        }
        if (type.starts_with("audio/")) {
            return content_part{audio_part{encode_base64(bytes), type == "audio/wav" ? "wav" : "mp3"}};
        }
        if (type.empty()) return refuse("it is neither PNG, JPEG, GIF, WebP, PDF, WAV nor MP3");
        return content_part{file_part{{}, path.substr(path.find_last_of("/\\") + 1), make_data_url(type, bytes)}};
    }
};

CHORUS_DECL awaitable<result<content_part>> read_on_pool(asio::thread_pool* pool, file_reader reader) {
    return offload(pool != nullptr ? *pool : default_thread_pool(), std::move(reader));
}

}  // namespace detail

CHORUS_DECL awaitable<result<content_part>> read_image(std::string path, std::string detail,
                                                       read_file_options options) {
    return detail::read_on_pool(options.pool, {std::move(path), std::move(detail), options.max_bytes, true});
}

CHORUS_DECL awaitable<result<content_part>> read_file(std::string path, read_file_options options) {
    return detail::read_on_pool(options.pool, {std::move(path), {}, options.max_bytes, false});
}

}  // namespace chorus
