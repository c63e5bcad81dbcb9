// What a client and a proxy say to each other before a tunnel stands: bytes in, bytes out.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/policy/proxy_settings.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace chorus::policy {

/// The client's side of the opening of a tunnel. It never asks for bytes beyond the answer of the proxy: those belong
/// to what goes through the tunnel.
///
///     send(talk->start());
///     while (talk->wants() != 0) send(talk->feed(receive(talk->wants())).value());
class proxy_handshake {
 public:
    virtual ~proxy_handshake() = default;

    /// Gives what is to be sent first. Once.
    virtual std::string start() = 0;
    /// How many bytes may be received now at most, and so fed. None: the tunnel stands.
    virtual std::size_t wants() const noexcept = 0;
    /// Takes bytes, in whatever pieces, and gives what is to be sent then, often nothing.
    /// Errors, all in `phase::proxy`: `errc::connect_failed` when the proxy could not reach the target, which may pass;
    /// `errc::proxy_failed` when it refused, or makes no sense. The cause says what it answered: "answered 403
    /// Forbidden". Nothing can be fed after one.
    virtual result<std::string> feed(std::string_view bytes) = 0;
};

/// CONNECT to `host:port` (RFC 9110, 9.3.6), with Basic credentials where the proxy has some.
std::unique_ptr<proxy_handshake> connect_handshake(const proxy& via, std::string_view host, std::uint16_t port);

/// SOCKS5 (RFC 1928) with user and password (RFC 1929) where the proxy has some. A host that is an address is given to
/// the proxy as such, any other as a name.
std::unique_ptr<proxy_handshake> socks5_handshake(const proxy& via, std::string_view host, std::uint16_t port);

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/proxy_handshake.ipp>
#endif
