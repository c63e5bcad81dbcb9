// Images, sounds and documents from disk, as parts of a message. Apart from <chorus/chorus.hpp>, because not every program
// reads files.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/content.hpp>
#include <chorus/config.hpp>
#include <chorus/result.hpp>

#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace chorus {

struct read_file_options {
    /// What is larger is refused. As base64 the default still fits into 32 MB, Anthropic's limit of a request.
    std::size_t max_bytes = 20 * 1024 * 1024;
    asio::thread_pool* pool = nullptr;  ///< whose threads read; null for `default_thread_pool()`
};

/// Reads an image (PNG, JPEG, GIF or WebP) and makes it a part that goes with the request, whatever its name ends in: its
/// first bytes tell what it is.
/// Completes when it is read and encoded, on a thread of the pool; the loop goes on meanwhile.
/// Cancellation: total; the thread ends its reading alone.
/// Errors: `errc::invalid_argument` in `phase::input`, with the path in the text: a file that cannot be read (the reason
/// of the system), is too large, is empty, or is no image. `param()` is `path`.
/// Lifetimes: a pool that is given outlives the call.
///
///     auto photo = co_await chorus::read_image("photo.jpg");
///     if (!photo) co_return photo.error();
///     auto request = chorus::chat_request("gpt-4o").user(chorus::content().text("What is this?").add(*photo));
awaitable<result<content_part>> read_image(std::string path, std::string detail = {}, read_file_options options = {});

/// Reads a file of any kind that `media_type_of` knows, likewise, as the part for it: an image, a sound (WAV, MP3) as
/// audio, a PDF as a file with its name. Text goes into a part of text.
awaitable<result<content_part>> read_file(std::string path, read_file_options options = {});

/// The media type of a file by its first bytes: `image/png`, `image/jpeg`, `image/gif`, `image/webp`, `application/pdf`,
/// `audio/wav` or `audio/mpeg`. Empty for all else.
std::string_view media_type_of(std::span<const std::byte> bytes) noexcept;

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/read_file.ipp>
#endif
