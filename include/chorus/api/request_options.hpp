// What a request of any kind may carry besides its own fields.
#pragma once

#include <chorus/chat/call_options.hpp>
#include <chorus/chat/chat_options.hpp>
#include <chorus/chat/detail/json_text.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace chorus {

/// For readers, above all providers. What is unset is not sent.
struct request_options : call_options {
    string_pairs extra;    ///< field name and JSON text, merged last
    string_pairs headers;  ///< added to the headers of the provider, or in their place
};

namespace detail {

/// The setters of `request_options`, for requests to derive from.
template <class Request>
class with_request_options {
 public:
    /// A field of the body that has no setter, or in place of what a setter gave. Include <nlohmann/json.hpp>.
    template <class Json = nlohmann::json>
    Request& extra(std::string field, const std::type_identity_t<Json>& value) & {
        options_.extra.emplace_back(std::move(field), to_json_text(value));
        return self();
    }
    /// A header of this request, in place of the provider's own of that name.
    Request& header(std::string name, std::string value) & {
        options_.headers.emplace_back(std::move(name), std::move(value));
        return self();
    }
    /// The limit on the whole call, less what it waits for its turn, in place of the client's.
    Request& timeout(std::chrono::milliseconds total) & {
        options_.timeout = total;
        return self();
    }
    /// Every limit of this call, in place of the client's.
    Request& limits(const http::limits& all) & {
        options_.limits = all;
        return self();
    }
    /// How often the request may be sent, the first time included, in place of the client's number.
    Request& max_attempts(int count) & {
        options_.max_attempts = count;
        return self();
    }
    /// The class in which this call waits, where gates of the client hold calls back.
    Request& priority(chorus::priority how) & {
        options_.priority = how;
        return self();
    }

    template <class Json = nlohmann::json>
    Request&& extra(std::string field, const std::type_identity_t<Json>& value) && {
        return std::move(extra<Json>(std::move(field), value));
    }
    Request&& header(std::string name, std::string value) && {
        return std::move(header(std::move(name), std::move(value)));
    }
    Request&& timeout(std::chrono::milliseconds total) && { return std::move(timeout(total)); }
    Request&& limits(const http::limits& all) && { return std::move(limits(all)); }
    Request&& max_attempts(int count) && { return std::move(max_attempts(count)); }
    Request&& priority(chorus::priority how) && { return std::move(priority(how)); }

    const request_options& options() const noexcept { return options_; }

 protected:
    with_request_options() = default;

 private:
    Request& self() noexcept { return static_cast<Request&>(*this); }

    request_options options_;
};

}  // namespace detail
}  // namespace chorus
