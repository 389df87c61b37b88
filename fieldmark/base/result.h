// An expected failure is a value. Nothing in the library throws one; a programmer's error is FM_DCHECK.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

#define FM_DCHECK(condition) assert(condition)

namespace fieldmark {

enum class ErrorCode {
  kInvalidArgument,  // the caller's input cannot be what it says it is
  kDataLoss,         // bytes that were ours are damaged
  kUnsupported,      // well-formed, but of a format or version this build does not read
  kTooLarge,         // over a limit that is on
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,  // right in itself, not in this state
  kPermissionDenied,
  kUnavailable,  // try again later
  kInternal,
};

// What was attempted, what was found, where, and what to do next: lower case, no full stop, no payload value.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  bool operator==(const Error&) const = default;
};

// A T, or the reason why there is none. Check ok() before value().
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  const Error& error() const {
    FM_DCHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  T& value() & {
    FM_DCHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    FM_DCHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    FM_DCHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

// Success, or the reason for none.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  const Error& error() const {
    FM_DCHECK(!ok());
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace fieldmark

// Returns the error of `expression` from the enclosing function, if it has one.
#define FM_RETURN_IF_ERROR(expression)                    \
  do {                                                    \
    if (auto fm_status = (expression); !fm_status.ok()) { \
      return fm_status.error();                           \
    }                                                     \
  } while (false)
