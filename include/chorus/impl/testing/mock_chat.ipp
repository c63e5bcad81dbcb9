#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/testing/mock_chat.hpp>

#include <string_view>
#include <utility>

namespace chorus::testing::detail {

CHORUS_DECL void read_mock_content(std::string_view json, std::string& text) {
    json::reader in(json);
    if (in.peek() != json::kind::array) {
        in.read(text);
        return;
    }
    in.array([&] {
        in.object([&](std::string_view key) {
            if (key != "text") return;
            std::string part;
            if (in.read(part)) text += part;
        });
    });
}

CHORUS_DECL mock_chat read_mock_chat(mock_request& request) {
    mock_chat chat;
    json::reader in(request.body);
    const bool is_object = in.object([&](std::string_view key) {
        if (key == "model") {
            in.read(request.model);
        } else if (key == "stream") {
            in.read(request.stream);
        } else if (key == "stream_options") {
            in.object([&](std::string_view field) {
                if (field == "include_usage") in.read(request.include_usage);
            });
        } else if (key == "max_tokens") {
            chat.has_max_tokens = in.peek() == json::kind::number;
        } else if (key == "messages") {
            in.array([&] {
                bool has_role = false;
                bool from_user = false;
                std::string_view content;
                in.object([&](std::string_view field) {
                    if (field == "content") {
                        content = in.raw();
                    } else if (std::string_view role; field == "role" && in.read_view(role)) {
                        has_role = true;
                        from_user = role == "user";
                    }
                });
                ++chat.messages;
                if (!has_role) ++chat.without_role;
                if (from_user) chat.last_content = content;
            });
        }
    });
    chat.is_object = in.finish() && is_object;
    return chat;
}

CHORUS_DECL void end_padded(json::writer& json, std::string& out, std::size_t start, std::size_t min_bytes) {
    constexpr std::string_view empty_padding = R"(,"padding":""})";
    const std::size_t unpadded = out.size() - start + empty_padding.size();
    if (unpadded < min_bytes) {
        out.append(empty_padding.substr(0, empty_padding.size() - 2));
        out.append(min_bytes - unpadded, 'x').append("\"}");
    } else {
        json.end_object();
    }
}

CHORUS_DECL error mock_defect(std::string message, std::string param) {
    error defect(errc::bad_request, std::move(message));
    defect.param(std::move(param));
    return defect;
}

}  // namespace chorus::testing::detail
