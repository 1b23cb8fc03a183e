// SPDX-License-Identifier: Apache-2.0
// Owner of the precompiled header: main.cpp defines Catch2's main and cannot take it.
