// Whether a text or an image is harmful, and in which way: what is asked, and what a server judged.
#pragma once

#include <chorus/api/request_options.hpp>
#include <chorus/config.hpp>
#include <chorus/http/message.hpp>
#include <chorus/json/parsed.hpp>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

/// A request to judge texts and images. Texts alone are judged one by one, in their order; with an image among them,
/// all of them together, as one post. Every setter chains, on named objects and on temporaries. Nothing is checked
/// here: see `validate`.
///
///     auto request = chorus::moderation_request("omni-moderation-latest").text("I will find you.");
class moderation_request : public detail::with_request_options<moderation_request> {
 public:
    using self = moderation_request;
    struct item {
        enum class kind { text, image };
        kind type;
        std::string value;  ///< the text, or the URL of the image
    };

    /// Without a model the server takes its own.
    moderation_request() = default;
    explicit moderation_request(std::string model) : model_(std::move(model)) {}

    self& model(std::string name) &;
    /// Each of these appends.
    self& text(std::string value) &;
    self& texts(std::vector<std::string> values) &;
    self& image(std::string url) &;  ///< `https://...` or `data:image/png;base64,...`

    const std::string& model() const noexcept { return model_; }
    const std::vector<item>& items() const noexcept { return items_; }
    bool has_images() const noexcept;

    // The forms for temporaries.
    self&& model(std::string name) && { return std::move(model(std::move(name))); }
    self&& text(std::string value) && { return std::move(text(std::move(value))); }
    self&& texts(std::vector<std::string> values) && { return std::move(texts(std::move(values))); }
    self&& image(std::string url) && { return std::move(image(std::move(url))); }

 private:
    std::string model_;
    std::vector<item> items_;
};

/// One way of being harmful. The names are the server's own.
struct moderation_category {
    std::string name = {};  ///< such as `hate/threatening`
    bool flagged = false;
    std::optional<double> score = {};  ///< how sure the model is, 0 to 1
    /// By what of the input it was judged, where the server says so: `text`, `image`.
    std::vector<std::string> applied_input_types = {};
};

/// What the server judged of one text, or of one post.
struct moderation_result {
    bool flagged = false;
    std::vector<moderation_category> categories;

    /// The category of that name, or null where the server does not know it.
    const moderation_category* find(std::string_view category) const noexcept;
    /// Tells whether a category was found; false for one that the server does not know.
    bool is(std::string_view category) const noexcept;
    std::optional<double> score(std::string_view category) const noexcept;
};

/// The answer to a `moderation_request`.
class moderation_response {
 public:
    /// Empty.
    moderation_response() = default;
    moderation_response(std::string id, std::string model, std::vector<moderation_result> results,
                        http::response received)
        : id_(std::move(id)),
          model_(std::move(model)),
          results_(std::move(results)),
          headers_(std::move(received.headers)),
          raw_(std::move(received.body)) {}

    /// One for each text, or one for the whole post.
    const std::vector<moderation_result>& results() const noexcept { return results_; }
    /// Tells whether anything was found in any of them.
    bool is_flagged() const noexcept;
    const std::string& id() const noexcept { return id_; }
    const std::string& model() const noexcept { return model_; }

    const http::headers& headers() const noexcept { return headers_; }
    /// The body as received, and as JSON: include <nlohmann/json.hpp> and keep the value.
    const std::string& raw_text() const noexcept { return raw_; }
    template <class Json = nlohmann::json>
    Json raw() const {
        return json::parsed<Json>(raw_text());
    }

 private:
    std::string id_;
    std::string model_;
    std::vector<moderation_result> results_;
    http::headers headers_;
    std::string raw_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/api/moderation.ipp>
#endif
