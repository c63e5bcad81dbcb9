// Both protocols as machines that count what they may still ask for.
#pragma once

#include <chorus/policy/proxy_handshake.hpp>
#include <chorus/text.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace chorus::policy {

namespace detail {

CHORUS_DECL error proxy_error(errc code, std::string cause) {
    error failed(code);
    failed.phase(phase::proxy).cause(std::move(cause));
    return failed;
}

/// RFC 9110, 9.3.6. Of the head only the status line counts, and for a refusal what kind of password is asked for.
class http_connect final : public proxy_handshake {
 public:
    http_connect(const proxy& via, std::string_view host, std::uint16_t port)
        : target_((host.find(':') == host.npos ? std::string(host) : "[" + std::string(host) + "]") + ':' +
                  std::to_string(port)),
          authorization_(via.basic_authorization()),
          password_(via.password) {}

    std::string start() override {
        std::string out = "CONNECT " + target_ + " HTTP/1.1\r\nHost: " + target_ + "\r\n";
        if (!authorization_.empty()) out += "Proxy-Authorization: " + authorization_.expose() + "\r\n";
        return out + "\r\n";
    }

    /// The end of the head is found by its last four bytes: as many as are missing cannot lead beyond it.
    std::size_t wants() const noexcept override { return end_of_head.size() - matched_; }

    result<std::string> feed(std::string_view bytes) override {
        for (const char c : bytes) {
            if (matched_ == end_of_head.size()) return broken("sent more than an answer");
            const std::size_t line = head_.size() - line_begin_;
            head_ += c;
            if (c == '\n' && (line == 0 || head_[head_.size() - 2] != '\r')) return broken("answered with no HTTP");
            if (line_begin_ == 0 && line < protocol.size() && c != protocol[line]) {
                return broken("answered with no HTTP");
            }
            if (head_.size() > most_bytes) return broken("answered with an endless head");
            if (c == '\n') line_begin_ = head_.size();
            matched_ = c == end_of_head[matched_] ? matched_ + 1 : c == '\r' ? 1 : 0;
            if (matched_ < end_of_head.size()) continue;
            if (auto refused = conclude(); refused) return *refused;
        }
        return std::string();
    }

 private:
    static constexpr std::string_view end_of_head = "\r\n\r\n";
    static constexpr std::string_view protocol = "HTTP/1.";
    static constexpr std::size_t most_bytes = 16 * 1024;

    static error broken(const char* what) { return proxy_error(errc::proxy_failed, what); }

    /// The head is complete: nothing for a tunnel that stands, or is still to come.
    std::optional<error> conclude() {
        const std::string_view line = std::string_view(head_).substr(0, head_.find('\r'));
        int status = 0;
        const std::string_view digits = line.substr(std::min<std::size_t>(9, line.size())).substr(0, 3);
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), status);
        const bool is_status = line.size() >= 12 && line[8] == ' ' && failure == std::errc() &&
                               end == digits.data() + 3 && status >= 100 && (line.size() == 12 || line[12] == ' ');
        if (!is_status || status == 101) return broken("answered with no HTTP");
        if (status < 200) {  // an interim response, which may come before any other (RFC 9110, 15.2)
            head_.clear();
            line_begin_ = 0;
            matched_ = 0;
            return std::nullopt;
        }
        if (status < 300) return std::nullopt;
        // 5xx: of the target, mostly, and of the moment. Anything else the proxy means.
        return proxy_error(status >= 500 ? errc::connect_failed : errc::proxy_failed, words_of(status, line));
    }

    std::string words_of(int status, std::string_view line) const {
        std::string words = "answered " + std::to_string(status);
        std::string reason(chorus::detail::trimmed(line.substr(12)).substr(0, 100));
        std::replace_if(
            reason.begin(), reason.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
        if (!reason.empty() && !repeats_secret(reason)) words.append(" ").append(reason);
        if (status != 407) return words;
        if (!authorization_.empty()) return words + ": it does not take the user and password given";
        return words + ": it asks for a user and password";
    }

    /// Some servers repeat what they were sent.
    bool repeats_secret(std::string_view text) const {
        if (authorization_.empty()) return false;
        const std::string_view encoded = std::string_view(authorization_.expose()).substr(6);  // behind "Basic "
        const std::string& password = password_.expose();
        return text.find(encoded) != text.npos || (!password.empty() && text.find(password) != text.npos);
    }

    std::string target_;
    secret authorization_;
    secret password_;
    std::string head_;
    std::size_t line_begin_ = 0;
    std::size_t matched_ = 0;  // bytes of the end of the head that the last ones are
};

/// RFC 1928 and 1929.
class socks5 final : public proxy_handshake {
 public:
    socks5(const proxy& via, std::string_view host, std::uint16_t port)
        : user_(via.user), password_(via.password), request_(encoded_request(host, port)) {}

    std::string start() override {
        return user_.empty() ? std::string("\x05\x01\x00", 3) : std::string("\x05\x02\x00\x02", 4);
    }

    std::size_t wants() const noexcept override { return wanted_ - answer_.size(); }

    result<std::string> feed(std::string_view bytes) override {
        std::string out;
        while (!bytes.empty()) {
            if (wants() == 0) return broken("sent more than an answer");
            const auto piece = bytes.substr(0, wants());
            answer_ += piece;
            bytes.remove_prefix(piece.size());
            if (answer_[0] != (step_ == step::credentials ? 1 : 5)) return broken("does not speak SOCKS5");
            // What follows a refusal is of no interest, and some close instead.
            if (step_ == step::reply && answer_.size() > 1 && answer_[1] != 0) {
                return refusal(static_cast<unsigned char>(answer_[1]));
            }
            if (wants() != 0) continue;
            auto next = conclude();
            if (!next) return next;
            out += *next;
        }
        return out;
    }

 private:
    enum class step { method, credentials, reply, address, done };

    static error broken(std::string what) { return proxy_error(errc::proxy_failed, std::move(what)); }

    static std::string encoded_request(std::string_view host, std::uint16_t port) {
        std::string out("\x05\x01\x00", 3);
        boost::system::error_code is_name;
        const auto address = boost::asio::ip::make_address(std::string(host), is_name);
        if (is_name) {
            out += '\x03';
            out += static_cast<char>(host.size());  // 253 at most: see http::url
            out += host;
        } else if (address.is_v4()) {
            const auto bytes = address.to_v4().to_bytes();
            (out += '\x01').append(bytes.begin(), bytes.end());
        } else {
            const auto bytes = address.to_v6().to_bytes();
            (out += '\x04').append(bytes.begin(), bytes.end());
        }
        out += static_cast<char>(port >> 8);
        out += static_cast<char>(port & 0xff);
        return out;
    }

    void expect(step next, std::size_t bytes) {
        step_ = next;
        wanted_ = bytes;
        answer_.clear();
    }

    /// An answer is complete: gives what is to be sent then.
    result<std::string> conclude() {
        switch (step_) {
            case step::method:
                if (answer_[1] == 0) return ask();
                if (answer_[1] == 2 && !user_.empty()) {
                    expect(step::credentials, 2);
                    return std::string(1, '\x01') + with_length(user_) + with_length(password_);
                }
                return broken(user_.empty() ? "asks for a user and password, or for more"
                                            : "takes none of the ways to authenticate that are spoken");
            case step::credentials:
                if (answer_[1] != 0) return broken("does not take the user and password given");
                return ask();
            case step::reply: {
                // The address that the proxy uses: of no interest, but it must be read. The fifth byte is its first.
                const char kind = answer_[3];
                if (kind != 1 && kind != 3 && kind != 4) return broken("does not speak SOCKS5");
                const std::size_t rest = kind == 1 ? 3 : kind == 4 ? 15 : static_cast<unsigned char>(answer_[4]);
                expect_rest(rest + 2);
                return std::string();
            }
            case step::address:
                expect(step::done, 0);
                return std::string();
            case step::done:
                break;
        }
        return std::string();
    }

    result<std::string> ask() {
        expect(step::reply, 5);
        return std::exchange(request_, {});
    }
    /// As `expect`, behind what was received: the version stays where it is checked.
    void expect_rest(std::size_t bytes) {
        step_ = step::address;
        wanted_ += bytes;
    }

    static std::string with_length(const secret& text) {
        return std::string(1, static_cast<char>(text.expose().size())) + text.expose();
    }

    /// RFC 1928, 6.
    static error refusal(unsigned code) {
        switch (code) {
            case 1:
                return proxy_error(errc::connect_failed, "answered: general failure");
            case 2:
                return broken("answered: the connection is not allowed by its rules");
            case 3:
                return proxy_error(errc::connect_failed, "answered: the network cannot be reached");
            case 4:
                return proxy_error(errc::connect_failed, "answered: the host cannot be reached");
            case 5:
                return proxy_error(errc::connect_failed, "answered: the connection was refused");
            case 6:
                return proxy_error(errc::connect_failed, "answered: the time to live expired");
            case 7:
                return broken("answered: it does not support this command");
            case 8:  // another address of the host may be of the right kind
                return proxy_error(errc::connect_failed, "answered: it does not support this type of address");
            default:
                return broken("answered with the unknown code " + std::to_string(code));
        }
    }

    secret user_;
    secret password_;
    std::string request_;
    step step_ = step::method;
    std::size_t wanted_ = 2;
    std::string answer_;
};

}  // namespace detail

CHORUS_DECL std::unique_ptr<proxy_handshake> connect_handshake(const proxy& via, std::string_view host,
                                                               std::uint16_t port) {
    return std::make_unique<detail::http_connect>(via, host, port);
}

CHORUS_DECL std::unique_ptr<proxy_handshake> socks5_handshake(const proxy& via, std::string_view host,
                                                              std::uint16_t port) {
    return std::make_unique<detail::socks5>(via, host, port);
}

}  // namespace chorus::policy
