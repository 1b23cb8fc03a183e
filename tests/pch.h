// SPDX-License-Identifier: Apache-2.0
// Precompiled for the tests: cmake/pch.h, and what nearly every test includes besides.
#pragma once
#include "cmake/pch.h"
//
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
