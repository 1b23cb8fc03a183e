// SPDX-License-Identifier: Apache-2.0
/// Delegate -- a member function bound to its object: two words, no allocation, copyable.
/// `bind<&Port::arrive>(this)` makes one. The object must outlive it.
#pragma once
#include <utility>

namespace iov {

template <class Signature>
class Delegate;

template <class R, class... Args>
class Delegate<R(Args...)> {
 public:
  Delegate() = default;
  Delegate(void* object, R (*call)(void*, Args...)) : object_(object), call_(call) {}
  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }
  explicit operator bool() const { return call_ != nullptr; }

 private:
  void* object_ = nullptr;
  R (*call_)(void*, Args...) = nullptr;
};

template <auto Method, class T, class R, class... Args>
Delegate<R(Args...)> bind_as(T* object, R (T::*)(Args...)) {
  return {object,
          [](void* o, Args... a) -> R { return (static_cast<T*>(o)->*Method)(std::forward<Args>(a)...); }};
}
template <auto Method, class T>
auto bind(T* object) {
  return bind_as<Method>(object, Method);
}

}  // namespace iov
