// Many deadlines under one alarm, for limits that are nearly all of the same length.
#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>

namespace chorus::detail {

class deadline_list;

/// Something with a deadline. It is removed from its list before it goes.
class deadline_entry {
 public:
    deadline_entry() noexcept = default;
    deadline_entry(const deadline_entry&) = delete;
    deadline_entry& operator=(const deadline_entry&) = delete;

    clock::time_point when() const noexcept { return when_; }
    bool is_listed() const noexcept { return is_listed_; }

 protected:
    ~deadline_entry() = default;

 private:
    friend class deadline_list;
    /// Its time has come, and it is in the list no more.
    virtual void on_late() = 0;

    clock::time_point when_{};
    deadline_entry* earlier_ = nullptr;
    deadline_entry* later_ = nullptr;
    bool is_listed_ = false;
};

/// Keeps entries in the order of their time. Adding one costs a step for each entry that is later: none where all limits
/// are equally long.
class deadline_list {
 public:
    explicit deadline_list(const executor& ex) : alarm_(ex) {}

    void add(deadline_entry& one, clock::time_point when);
    void remove(deadline_entry& one) noexcept;

    bool empty() const noexcept { return first_ == nullptr; }
    deadline_entry* first() const noexcept { return first_; }
    clock::time_point now() const noexcept { return alarm_.now(); }

 private:
    void ring();

    alarm alarm_;
    deadline_entry* first_ = nullptr;
    deadline_entry* last_ = nullptr;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/async/deadline_list.ipp>
#endif
