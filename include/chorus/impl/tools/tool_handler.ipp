#pragma once

#include <chorus/json/text.hpp>
#include <chorus/tools/detail/tool_handler.hpp>

namespace chorus::detail {

CHORUS_DECL content text_output(std::string_view text) {
    std::string sound;
    sound.reserve(text.size());
    json::append_repaired(sound, text);
    return content(std::move(sound));
}

CHORUS_DECL content json_output(const nlohmann::json& value) {
    return content(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

CHORUS_DECL awaitable<result<content>> compute(asio::thread_pool* pool, std::function<result<content>()> job) {
    return offload(pool != nullptr ? *pool : default_thread_pool(), std::move(job));
}

}  // namespace chorus::detail
