// The server's side of an HTTP/2 connection, in the hands of a test: what it received, and what it sends, rules broken
// included.
#pragma once

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace chorus::testing_support {

using fields = std::vector<std::pair<std::string, std::string>>;

/// A server without I/O.
class h2_peer {
 public:
    struct received {
        std::map<std::string, std::string> head;
        std::string body;
        bool ended = false;
        std::uint32_t reset = 0;  // the code of its RST_STREAM
        bool was_reset = false;
        std::size_t given_back = 0;  // bytes of the window, by WINDOW_UPDATE
    };

    explicit h2_peer(std::uint32_t streams = 100) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                          const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
                static_cast<h2_peer*>(self)->requests[frame->hd.stream_id].head.emplace(
                    std::string(name, name + name_size), std::string(value, value + value_size));
                return 0;
            });
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
            callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                          std::size_t size, void* self) {
                static_cast<h2_peer*>(self)->requests[stream].body.append(bytes, bytes + size);
                return 0;
            });
        nghttp2_session_callbacks_set_on_frame_recv_callback(
            callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
                auto& self = *static_cast<h2_peer*>(user);
                if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && frame->hd.type <= NGHTTP2_HEADERS) {
                    self.requests[frame->hd.stream_id].ended = true;
                }
                if (frame->hd.type == NGHTTP2_RST_STREAM) {
                    self.requests[frame->hd.stream_id].was_reset = true;
                    self.requests[frame->hd.stream_id].reset = frame->rst_stream.error_code;
                }
                if (frame->hd.type == NGHTTP2_WINDOW_UPDATE) {
                    const auto bytes = static_cast<std::size_t>(frame->window_update.window_size_increment);
                    ++self.window_updates;
                    (frame->hd.stream_id == 0 ? self.connection_given_back
                                              : self.requests[frame->hd.stream_id].given_back) += bytes;
                }
                if (frame->hd.type == NGHTTP2_GOAWAY) self.goodbye = frame->goaway.error_code;
                return 0;
            });
        nghttp2_option* options = nullptr;
        nghttp2_option_new(&options);
        nghttp2_option_set_no_http_messaging(options, 1);  // so that it can send what it must not
        nghttp2_session_server_new2(&session_, callbacks, this, options);
        nghttp2_option_del(options);
        nghttp2_session_callbacks_del(callbacks);
        const nghttp2_settings_entry limit{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &limit, 1);
    }
    ~h2_peer() { nghttp2_session_del(session_); }

    void receive(const std::string& bytes) {
        ASSERT_EQ(nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()),
                  static_cast<ssize_t>(bytes.size()));
    }
    std::string send() {
        std::string out;
        const std::uint8_t* bytes = nullptr;
        for (ssize_t size = 0; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
            out.append(bytes, bytes + size);
        return out;
    }
    /// Answers with these fields and body; without `ends` the stream stays open.
    void respond(std::int32_t stream, const fields& head, std::string body, bool ends = true) {
        std::vector<nghttp2_nv> list = to_list(head);
        auto& kept = bodies_[stream] = {std::move(body), ends};
        nghttp2_data_provider source{};
        source.source.ptr = &kept;
        source.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t room,
                                  std::uint32_t* flags, nghttp2_data_source* from, void*) -> ssize_t {
            auto& [text, end] = *static_cast<std::pair<std::string, bool>*>(from->ptr);
            if (text.empty() && !end) return NGHTTP2_ERR_DEFERRED;
            const std::size_t size = std::min(room, text.size());
            std::memcpy(buffer, text.data(), size);
            text.erase(0, size);
            if (text.empty() && end) *flags |= NGHTTP2_DATA_FLAG_EOF;
            return static_cast<ssize_t>(size);
        };
        nghttp2_submit_response(session_, stream, list.data(), list.size(), &source);
    }
    /// Goes on with a body that has not ended.
    void go_on(std::int32_t stream, const std::string& more, bool ends = false) {
        bodies_[stream].first += more;
        bodies_[stream].second = ends;
        nghttp2_session_resume_data(session_, stream);
    }
    /// What the client says of the heads that it takes.
    std::size_t header_list_bytes() const {
        return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    }
    /// What of a body the windows have kept back.
    std::size_t unsent(std::int32_t stream) const { return bodies_.at(stream).first.size(); }
    void interim(std::int32_t stream, const fields& head) {
        std::vector<nghttp2_nv> list = to_list(head);
        nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, list.data(), list.size(), nullptr);
    }
    void reset(std::int32_t stream, std::uint32_t code) {
        nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code);
    }
    void go_away(std::int32_t last) {
        nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
    }

    std::map<std::int32_t, received> requests;
    std::size_t connection_given_back = 0;
    std::size_t window_updates = 0;  // frames
    std::uint32_t goodbye = ~0u;

 private:
    static std::vector<nghttp2_nv> to_list(const fields& head) {
        std::vector<nghttp2_nv> list;
        for (const auto& [name, value] : head) {
            list.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                            reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                            NGHTTP2_NV_FLAG_NONE});
        }
        return list;
    }

    nghttp2_session* session_ = nullptr;
    std::map<std::int32_t, std::pair<std::string, bool>> bodies_;
};

}  // namespace chorus::testing_support
