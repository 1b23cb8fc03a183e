// SPDX-License-Identifier: Apache-2.0
/// ByteBuffer -- the real bytes that a TLP carries: a move-only handle on a recycled 4 KiB buffer.
///
/// An empty handle means "timing only": the TLP's length counts on the wire, its bytes do not exist.
/// Headers, descriptors, tables and messages always carry bytes; bulk payload only with carry_payload.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace iov {

class BytePool;

class ByteBuffer {
 public:
  static constexpr std::size_t capacity = 4096;  ///< the largest PCIe payload
  ByteBuffer() = default;
  ByteBuffer(ByteBuffer&& o) noexcept
      : block_(std::exchange(o.block_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& o) noexcept {
    std::swap(block_, o.block_);
    std::swap(size_, o.size_);
    return *this;
  }
  inline ~ByteBuffer();
  explicit operator bool() const { return block_ != nullptr; }
  std::size_t size() const { return size_; }
  inline std::uint8_t* data();
  inline const std::uint8_t* data() const;
  std::span<std::uint8_t> bytes() { return {data(), size_}; }
  std::span<const std::uint8_t> bytes() const { return {data(), size_}; }

 private:
  friend class BytePool;
  struct Store;
  struct Block {
    Store* home;
    Block* next_free;
    std::array<std::uint8_t, capacity> bytes;
  };
  struct Store {  ///< outlives its pool while buffers are on their way
    std::vector<std::unique_ptr<Block>> blocks;
    Block* free = nullptr;        ///< a chain
    std::unique_ptr<Store> self;  ///< set once the pool is gone
    [[gnu::noinline]] void give_back(Block* block) {  // so that the test for "no bytes" is inlined
      block->next_free = std::exchange(free, block);
      if (self) [[unlikely]] end_if_complete();
    }
    bool complete() const {
      std::size_t there = 0;
      for (const Block* block = free; block; block = block->next_free) ++there;
      return there == blocks.size();
    }
    [[gnu::cold]] void end_if_complete() {
      if (complete()) const auto last = std::move(self);
    }
    [[gnu::cold]] void grow() {
      free = blocks.emplace_back(std::make_unique<Block>()).get();
      free->home = this, free->next_free = nullptr;
    }
  };
  ByteBuffer(Block* block, std::uint32_t size) : block_(block), size_(size) {}
  Block* block_ = nullptr;
  std::uint32_t size_ = 0;
};

/// Owner of the buffers; one per module that makes payloads. Buffers still travelling when the pool is
/// destroyed keep its storage alive, so modules may be taken down in any order.
class BytePool {
 public:
  BytePool() = default;
  BytePool(const BytePool&) = delete;
  BytePool& operator=(const BytePool&) = delete;
  ~BytePool() {
    auto& store = *store_;
    if (!store.complete()) store.self = std::move(store_);
  }
  /// A buffer of `size` bytes (at most 4096), not zeroed.
  ByteBuffer take(std::size_t size) {
    if (!store_->free) store_->grow();
    auto* const block = store_->free;
    store_->free = block->next_free;
    return {block, static_cast<std::uint32_t>(size)};
  }
  ByteBuffer copy(std::span<const std::uint8_t> from) {
    ByteBuffer buffer = take(from.size());
    if (!from.empty()) std::memcpy(buffer.data(), from.data(), from.size());
    return buffer;
  }

 private:
  std::unique_ptr<ByteBuffer::Store> store_ = std::make_unique<ByteBuffer::Store>();
};

inline ByteBuffer::~ByteBuffer() {
  if (block_) block_->home->give_back(block_);
}
inline std::uint8_t* ByteBuffer::data() { return block_->bytes.data(); }
inline const std::uint8_t* ByteBuffer::data() const { return block_->bytes.data(); }

}  // namespace iov
