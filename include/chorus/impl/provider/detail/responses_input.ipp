#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/provider/detail/responses_input.hpp>
#include <chorus/provider/detail/responses_items.hpp>
#include <chorus/provider/detail/web_url.hpp>

#include <algorithm>
#include <utility>
#include <variant>

namespace chorus::responses_format::detail {

CHORUS_DECL void refusal::operator()(std::string_view param, std::string_view why) {
    if (failure_) return;
    failure_.emplace(errc::invalid_argument, std::string(param).append(" ").append(why));
    failure_->phase(phase::input).param(std::string(param));
}

CHORUS_DECL std::string input_writer::path(std::string_view field) const {
    return "messages[" + std::to_string(index_) + "]." + std::string(field);
}

CHORUS_DECL std::string input_writer::part_path(std::string_view field) const {
    return path("content[" + std::to_string(part_) + "]." + std::string(field));
}

// --- items ---

CHORUS_DECL void input_writer::write() {
    const auto& all = request_.messages();
    out_.begin_array();
    for (index_ = 0; index_ < all.size(); ++index_) {
        if (all[index_].is_plain()) {
            write_message(all[index_]);
        } else {
            write_rest(all[index_]);
        }
    }
    out_.end_array();
}

CHORUS_DECL void input_writer::write_message(const message& next) {
    const bool is_answer = next.role() == role::assistant;
    // The API answers nothing at all now and then, and wants no such turn back.
    if (is_answer && next.content().empty()) return;
    out_.begin_object().member("type", "message").member("role", next.role()).key("content");
    write_content(next.content(), is_answer);
    out_.end_object();
}

CHORUS_DECL void input_writer::write_rest(const message& next) {
    if (!next.name().empty()) refuse_.unknown(path("name"));
    if (!next.audio_id().empty()) refuse_.unknown(path("audio"));
    if (next.native().format == format_name) {
        write_native(next);
    } else if (next.role() == role::tool) {
        write_tool_result(next);
    } else if (next.role() == role::assistant) {
        write_answer(next);
    } else {
        write_message(next);
    }
}

CHORUS_DECL void input_writer::write_native(const message& next) {
    json::reader in(next.native().json);
    if (in.peek() != json::kind::array) return refuse_(path("native"), "is not a JSON array");
    in.array([&] { out_.raw(in.raw()); });
}

CHORUS_DECL void input_writer::write_answer(const message& said) {
    if (said.refusal().empty()) {
        write_message(said);
    } else {
        out_.begin_object().member("type", "message").member("role", role::assistant).key("content").begin_array();
        if (const auto* parts = said.content().as_parts()) {
            for (part_ = 0; part_ < parts->size(); ++part_) write_part((*parts)[part_], true);
        } else if (!said.content().empty()) {
            write_part({text_part{*said.content().as_text()}}, true);
        }
        write_part({refusal_part{said.refusal()}}, true);
        out_.end_array().end_object();
    }
    for (std::size_t i = 0; i < said.tool_calls().size(); ++i) write_call(said.tool_calls()[i], i);
}

CHORUS_DECL void input_writer::write_call(const tool_call& call, std::size_t position) {
    const bool is_function = call.type.empty() || call.type == tool_type::function;
    if (!is_function && call.type != tool_type::custom) {
        refuse_.unknown(path("tool_calls[" + std::to_string(position) + "].type"));
    }
    out_.begin_object().member("type", is_function ? "function_call" : "custom_tool_call");
    out_.member("call_id", call.id).member("name", call.name);
    const bool says_none = is_function && call.arguments.empty();
    out_.member(is_function ? "arguments" : "input", says_none ? std::string_view("{}") : call.arguments);
    out_.end_object();
}

CHORUS_DECL bool input_writer::answers_custom_call(const message& result) const {
    for (std::size_t i = index_; i-- > 0;) {
        const message& before = request_.messages()[i];
        if (before.is_plain()) continue;
        for (const tool_call& call : before.tool_calls()) {
            if (call.id == result.tool_call_id()) return call.type == tool_type::custom;
        }
    }
    return false;
}

CHORUS_DECL void input_writer::write_tool_result(const message& result) {
    const bool is_custom = answers_custom_call(result);
    out_.begin_object().member("type", is_custom ? "custom_tool_call_output" : "function_call_output");
    out_.member("call_id", result.tool_call_id()).key("output");
    write_content(result.content(), false);
    out_.end_object();
}

// --- content ---

CHORUS_DECL void input_writer::write_content(const content& what, bool is_answer) {
    if (const std::string* text = what.as_text()) {
        out_.value(*text);
        return;
    }
    out_.begin_array();
    for (part_ = 0; part_ < what.as_parts()->size(); ++part_) write_part((*what.as_parts())[part_], is_answer);
    out_.end_array();
}

CHORUS_DECL void input_writer::write_part(const content_part& part, bool is_answer) {
    if (const auto* raw = std::get_if<json_part>(&part.value)) {
        out_.raw(raw->json);
        return;
    }
    out_.begin_object();
    std::visit([&](const auto& value) { begin_part(value, is_answer); }, part.value);
    if (part.cache_breakpoint) {
        if (is_answer) refuse_.unknown(part_path("prompt_cache_breakpoint"));
        out_.key("prompt_cache_breakpoint").begin_object().member("mode", "explicit").end_object();
    }
    out_.end_object();
}

CHORUS_DECL void input_writer::begin_part(const text_part& part, bool is_answer) {
    out_.member("type", is_answer ? "output_text" : "input_text").member("text", part.text);
}

CHORUS_DECL void input_writer::begin_part(const refusal_part& part, bool is_answer) {
    if (!is_answer) refuse_.unknown(part_path("refusal"));
    out_.member("type", "refusal").member("refusal", part.refusal);
}

CHORUS_DECL void input_writer::begin_part(const image_part& part, bool is_answer) {
    if (is_answer) refuse_.unknown(part_path("image_url"));
    out_.member("type", "input_image");
    if (!part.id.empty()) out_.member("file_id", part.id);
    if (!part.url.empty()) out_.member("image_url", part.url);
    if (!part.detail.empty()) out_.member("detail", part.detail);
}

CHORUS_DECL void input_writer::begin_part(const file_part& part, bool is_answer) {
    if (is_answer) refuse_.unknown(part_path("file"));
    const bool is_elsewhere = chorus::detail::is_web_url(part.data);
    out_.member("type", "input_file");
    if (!part.id.empty()) out_.member("file_id", part.id);
    if (!part.filename.empty()) out_.member("filename", part.filename);
    if (!part.data.empty()) out_.member(is_elsewhere ? "file_url" : "file_data", part.data);
}

CHORUS_DECL void input_writer::begin_part(const audio_part&, bool) {
    refuse_.unknown(part_path("input_audio"));
}

}  // namespace chorus::responses_format::detail
