// Joins the pieces of a streamed answer to a whole one, and says what each piece brought.
#pragma once

#include <chorus/chat/chat_event.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/chat/tool_call.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chorus {

/// A piece of a tool call, as servers of the OpenAI format send them. What it does not say is empty.
struct tool_call_delta {
    std::optional<std::int64_t> index;
    std::string_view id;
    std::string_view type;
    std::string_view name;
    std::string_view arguments;
    std::string_view extra;  ///< as `tool_call::extra`
};

/// Which signs of a stream become events.
struct chat_event_options {
    bool heartbeats = false;
    bool raw_events = false;
    bool content_filters = false;
};

/// The state of a streamed answer: decoders of provider formats tell it what came, consumers take events out. A pure
/// machine. The pieces lie in the answer that they belong to, and nowhere else.
class chat_accumulator {
 public:
    /// The most choices that one answer may have: `choice` of a piece comes from the peer.
    static constexpr std::size_t most_choices = 1024;
    /// The most tool calls that one choice may have.
    static constexpr std::size_t most_tool_calls = 1024;

    explicit chat_accumulator(chat_event_options wanted = {}) noexcept : wanted_(wanted) {}

    // What decoders tell. A choice begins with its first piece; empty pieces bring no event.
    // Errors: false if the choice is negative, or if it or the call is one too many.
    bool begin(int choice);
    bool add_text(int choice, std::string_view piece);
    bool add_refusal(int choice, std::string_view piece);
    /// `field` is the name that the server gives to thinking: a name with static storage. If the same thoughts come
    /// under several names, those of the first name count.
    bool add_reasoning(int choice, std::string_view field, std::string_view piece);
    /// Finds the call that the piece belongs to, or begins one: the rules that survive real servers.
    bool add_tool_call(int choice, const tool_call_delta& piece);
    /// No more pieces of this call come: formats that say so let consumers begin early. Others end with `finish`.
    void finish_tool_call(int choice, std::size_t position);
    /// The choice has ended. A second reason for it brings no event, and replaces an empty one.
    bool finish(int choice, std::string_view reason);
    /// Counts that are there replace earlier ones.
    void set_usage(const usage& counts);
    /// `results` is JSON. Returns false where nobody wants to know.
    bool add_content_filter(std::optional<int> choice, std::string_view results);
    void add_heartbeat();
    void add_raw(std::string_view type, std::string_view data);
    /// A whole answer in place of a stream, as events.
    void add_whole(chat_completion whole);
    /// The answer has ended: calls that are still open are finished, and those without an id get one.
    void end();

    /// What has no event: id, model, annotations, log probabilities, audio, native parts of a choice that has begun.
    chat_completion& completion() noexcept { return so_far_; }
    answer& message_of(int choice) { return so_far_.choices[*find(choice)].message; }
    choice& choice_of(int choice) { return so_far_.choices[*find(choice)]; }

    /// Whether every choice that began has ended, and one has.
    bool all_finished() const noexcept;
    /// Whether nothing of an answer has come.
    bool is_empty() const noexcept { return so_far_.choices.empty(); }
    /// How many pieces of content have come, ends of choices included: what a user would miss.
    std::size_t contents() const noexcept { return contents_; }
    const chat_completion& so_far() const noexcept { return so_far_; }

    /// Takes the next event; its views are valid until a decoder tells more. False if there is none.
    bool next(chat_event& out);
    bool has_events() const noexcept { return taken_ < pending_.size(); }

 private:
    enum class kind : std::uint8_t {
        text,
        reasoning,
        refusal,
        call_started,
        call_arguments,
        call_finished,
        usage,
        finish,
        content_filter,
        heartbeat,
        raw,
    };
    /// An event as a place in the answer: it holds when a later piece makes a text move.
    struct place {
        kind what;
        int choice = 0;
        std::size_t begin = 0;
        std::uint32_t size = 0;
        std::uint32_t call = 0;
    };
    struct open_call {
        std::optional<std::int64_t> index;  // as the server counts
        bool is_announced = false;
        bool is_finished = false;
    };
    struct progress {
        std::vector<open_call> calls;
        bool is_finished = false;
    };

    std::optional<std::size_t> find(int choice) const noexcept;
    std::optional<std::size_t> open(int choice);
    void push(const place& event);
    void append(kind what, int choice, std::string& to, std::string_view piece);
    std::size_t place_call(std::size_t slot, const tool_call_delta& piece) const;
    void announce(std::size_t slot, std::size_t call);
    void finish_call(std::size_t slot, std::size_t call);

    chat_event_options wanted_;
    chat_completion so_far_;
    std::vector<progress> progress_;  // of each choice of `so_far_`
    std::vector<place> pending_;
    std::size_t taken_ = 0;
    std::size_t contents_ = 0;
    std::string raw_;  // what pending events show that is no part of the answer
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat/chat_accumulator.ipp>
#endif
