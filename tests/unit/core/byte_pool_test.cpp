// SPDX-License-Identifier: Apache-2.0
#include "models/core/byte_pool.h"

#include <catch2/catch.hpp>
#include <optional>
using namespace iov;

TEST_CASE("a buffer may outlive its pool, and the pool's storage goes with the last one") {
  std::optional<BytePool> pool(std::in_place);
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  ByteBuffer kept = pool->copy(bytes);
  { const ByteBuffer returned = pool->take(100); }
  pool.reset();
  CHECK(kept.bytes()[2] == 3);
  CHECK(kept.size() == 3);
}

TEST_CASE("a returned buffer is used again") {
  BytePool pool;
  const std::uint8_t* first = nullptr;
  { first = pool.take(64).data(); }
  CHECK(pool.take(4096).data() == first);
}
