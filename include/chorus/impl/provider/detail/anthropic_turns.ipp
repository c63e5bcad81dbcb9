#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/provider/detail/anthropic_turns.hpp>
#include <chorus/provider/detail/web_url.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <utility>
#include <variant>

namespace chorus::anthropic_format::detail {

/// A data URL (RFC 2397) that holds base64.
struct data_url {
    std::string media_type;
    std::string_view data;
};

CHORUS_DECL std::optional<data_url> parse_data_url(std::string_view url) {
    constexpr std::string_view scheme = "data:";
    const std::size_t comma = url.find(',');
    if (chorus::detail::to_lower(url.substr(0, scheme.size())) != scheme || comma == url.npos) return std::nullopt;
    const std::string type = chorus::detail::to_lower(url.substr(scheme.size(), comma - scheme.size()));
    if (!type.ends_with(";base64")) return std::nullopt;
    return data_url{type.substr(0, type.find(';')), url.substr(comma + 1)};
}

CHORUS_DECL bool is_instruction(const message& next) noexcept {
    return next.role() == role::system || next.role() == role::developer;
}

CHORUS_DECL bool is_object(std::string_view json) {
    return json::reader(json).peek() == json::kind::object;
}

CHORUS_DECL void write_cache_control(json::writer& out, const std::string& ttl) {
    out.key("cache_control").begin_object().member("type", "ephemeral");
    if (!ttl.empty()) out.member("ttl", ttl);
    out.end_object();
}

CHORUS_DECL void refusal::operator()(std::string_view param, std::string_view why) {
    if (failure_) return;
    failure_.emplace(errc::invalid_argument, std::string(param).append(" ").append(why));
    failure_->phase(phase::input).param(std::string(param));
}

// --- instructions ---

CHORUS_DECL std::size_t turn_writer::count_instructions() const noexcept {
    const auto& all = request_.messages();
    return static_cast<std::size_t>(std::find_if_not(all.begin(), all.end(), &is_instruction) - all.begin());
}

CHORUS_DECL bool turn_writer::has_instructions() const noexcept {
    const auto first = request_.messages().begin();
    return std::any_of(first, first + static_cast<std::ptrdiff_t>(count_instructions()),
                       [](const message& next) { return !next.content().empty(); });
}

CHORUS_DECL void turn_writer::write_system() {
    const auto& all = request_.messages();
    const std::size_t count = count_instructions();
    for (index_ = 0; index_ < count; ++index_) refuse_foreign_fields(all[index_]);
    if (count == 1 && all.front().content().as_text()) {
        out_.value(*all.front().content().as_text());
        return;
    }
    out_.begin_array();
    for (index_ = 0; index_ < count; ++index_) write_blocks(all[index_].content());
    out_.end_array();
}

// --- turns ---

CHORUS_DECL std::string turn_writer::path(std::string_view field) const {
    return "messages[" + std::to_string(index_) + "]." + std::string(field);
}

CHORUS_DECL std::string turn_writer::part_path(std::string_view field) const {
    return path("content[" + std::to_string(part_) + "]." + std::string(field));
}

CHORUS_DECL void turn_writer::refuse_foreign_fields(const message& next) {
    if (!next.name().empty()) refuse_.unknown(path("name"));
    if (!next.audio_id().empty()) refuse_.unknown(path("audio"));
}

CHORUS_DECL void turn_writer::write_messages() {
    const auto& all = request_.messages();
    const std::size_t first = count_instructions();
    if (first == all.size()) refuse_("messages", "holds nothing but instructions: add a user message");
    out_.begin_array();
    for (index_ = first; index_ < all.size(); ++index_) {
        const message& next = all[index_];
        refuse_foreign_fields(next);
        if (next.role() == role::tool) {
            write_tool_results();
        } else if (next.role() == role::assistant) {
            write_answer(next);
        } else {
            out_.begin_object().member("role", is_instruction(next) ? role::system : std::string_view(next.role()));
            write_content(next.content());
            out_.end_object();
        }
    }
    out_.end_array();
}

CHORUS_DECL void turn_writer::write_answer(const message& said) {
    if (const native_answer& native = said.native(); native.format == "anthropic") {
        if (json::reader(native.json).peek() != json::kind::array) refuse_(path("native"), "is not a JSON array");
        out_.begin_object().member("role", role::assistant).key("content").raw(native.json).end_object();
        return;
    }
    const bool is_plain = said.refusal().empty() && said.tool_calls().empty();
    // The API answers nothing at all now and then, and wants no such turn back.
    if (is_plain && said.content().empty()) return;
    out_.begin_object().member("role", role::assistant);
    if (is_plain) {
        write_content(said.content());
    } else {
        out_.key("content").begin_array();
        write_blocks(said.content());
        write_text(said.refusal());
        for (std::size_t i = 0; i < said.tool_calls().size(); ++i) write_call(said.tool_calls()[i], i);
        out_.end_array();
    }
    out_.end_object();
}

CHORUS_DECL void turn_writer::write_call(const tool_call& call, std::size_t position) {
    const auto call_path = [&](std::string_view field) {
        return path("tool_calls[" + std::to_string(position) + "]." + std::string(field));
    };
    const std::string_view arguments = chorus::detail::trimmed(call.arguments);
    if (!call.type.empty() && call.type != tool_type::function) refuse_.unknown(call_path("type"));
    if (!arguments.empty() && !(is_object(arguments) && json::is_complete(arguments))) {
        refuse_(call_path("arguments"), "is not a JSON object");
    }
    out_.begin_object().member("type", "tool_use").member("id", call.id).member("name", call.name);
    out_.key("input").raw(arguments.empty() ? "{}" : arguments).end_object();
}

/// Results that follow each other make one turn; `index_` moves to the last.
CHORUS_DECL void turn_writer::write_tool_results() {
    const auto& all = request_.messages();
    out_.begin_object().member("role", role::user).key("content").begin_array();
    write_tool_result(all[index_]);
    while (index_ + 1 < all.size() && all[index_ + 1].role() == role::tool) {
        refuse_foreign_fields(all[++index_]);
        write_tool_result(all[index_]);
    }
    out_.end_array().end_object();
}

CHORUS_DECL void turn_writer::write_tool_result(const message& result) {
    out_.begin_object().member("type", "tool_result").member("tool_use_id", result.tool_call_id());
    // The result is the block to mark: the API promises nothing for marks inside of it.
    marks_parts_ = false;
    if (!result.content().empty()) write_content(result.content());
    marks_parts_ = true;
    if (result.has_failed()) out_.member("is_error", true);
    const auto* parts = result.content().as_parts();
    const auto is_marked = [](const content_part& part) { return part.cache_breakpoint; };
    end_block(parts != nullptr && std::any_of(parts->begin(), parts->end(), is_marked));
}

// --- blocks ---

CHORUS_DECL void turn_writer::write_content(const content& what) {
    out_.key("content");
    if (const std::string* text = what.as_text()) {
        out_.value(*text);
        return;
    }
    out_.begin_array();
    write_blocks(what);
    out_.end_array();
}

CHORUS_DECL void turn_writer::write_blocks(const content& what) {
    if (const std::string* text = what.as_text()) return write_text(*text);
    for (part_ = 0; part_ < what.as_parts()->size(); ++part_) {
        const content_part& part = (*what.as_parts())[part_];
        const bool is_marked = part.cache_breakpoint && marks_parts_;
        std::visit([&](const auto& value) { write_part(value, is_marked); }, part.value);
    }
}

/// The API refuses blocks of empty text.
CHORUS_DECL void turn_writer::write_text(std::string_view text, bool is_marked) {
    if (text.empty()) return;
    out_.begin_object().member("type", "text").member("text", text);
    end_block(is_marked);
}

CHORUS_DECL void turn_writer::write_part(const json_part& part, bool) {
    out_.raw(part.json);
}

CHORUS_DECL void turn_writer::write_part(const audio_part&, bool) {
    refuse_.unknown(part_path("input_audio"));
}

CHORUS_DECL void turn_writer::write_part(const image_part& part, bool is_marked) {
    if (!part.detail.empty() && part.detail != "auto") refuse_.unknown(part_path("image_url.detail"));
    if (!part.id.empty()) {
        begin_file_block("image", part.id);
    } else if (!begin_block("image", part.url)) {
        refuse_(part_path("image_url.url"), "is neither an http(s) URL nor a data URL that holds base64");
    }
    end_block(is_marked);
}

CHORUS_DECL void turn_writer::write_part(const file_part& part, bool is_marked) {
    const std::optional<data_url> held = parse_data_url(part.data);
    const bool is_image = held && held->media_type.starts_with("image/");
    if (!part.id.empty()) {
        begin_file_block("document", part.id);
    } else if (held && !is_image && held->media_type != "application/pdf") {
        refuse_(part_path("file.file_data"), "is neither PDF nor an image: give text as a part of text");
    } else if (!begin_block(is_image ? "image" : "document", part.data)) {
        refuse_(part_path("file.file_data"), "is neither an http(s) URL nor a data URL that holds base64");
    }
    if (!is_image && !part.filename.empty()) out_.member("title", part.filename);
    end_block(is_marked);
}

/// Begins a block of the type whose source is an uploaded file.
CHORUS_DECL void turn_writer::begin_file_block(std::string_view type, const std::string& id) {
    out_.begin_object().member("type", type).key("source").begin_object();
    out_.member("type", "file").member("file_id", id).end_object();
}

/// Begins a block of the type with its source. False if the URL gives none.
CHORUS_DECL bool turn_writer::begin_block(std::string_view type, std::string_view url) {
    const std::optional<data_url> held = parse_data_url(url);
    if (!held && !chorus::detail::is_web_url(url)) return false;
    out_.begin_object().member("type", type).key("source").begin_object();
    if (held) {
        out_.member("type", "base64").member("media_type", held->media_type).member("data", held->data);
    } else {
        out_.member("type", "url").member("url", url);
    }
    out_.end_object();
    return true;
}

CHORUS_DECL void turn_writer::end_block(bool is_marked) {
    if (is_marked) write_cache_control(out_, request_.options().prompt_cache_ttl);
    out_.end_object();
}

}  // namespace chorus::anthropic_format::detail
