// The variable OLLAMA_HOST, as Ollama's own programs read it.
#pragma once

#include <chorus/config.hpp>

#include <string>
#include <string_view>

namespace chorus::detail {

/// The base URL of the server that `OLLAMA_HOST` names: the default one, `http://127.0.0.1:11434`, for what it leaves
/// out. Ollama, FAQ and envconfig/config.go: the port is 11434 without a scheme, else that of the scheme, also where a
/// port is none; `ollama.com` alone is the service; quotes around the value are dropped. The addresses that a server
/// listens on everywhere by (`0.0.0.0`, `[::]`, no host) are the own machine for a client.
std::string ollama_base_url(std::string_view host);

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/provider/detail/ollama_host.ipp>
#endif
