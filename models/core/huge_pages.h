// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace iov {

/// Puts what the process will allocate on huge pages, as far as the system gives any: thousands of VMs lie on more pages of
/// 4 KiB than the host's TLBs hold, and what a walk waits for is as long as what the line itself waits for. Called first in
/// main(). It takes up to 4 MiB more memory.
///
/// Source  mallopt(3), madvise(2); glibc's own tunable glibc.malloc.hugetlb has to be set before the process starts.
void use_huge_pages();

}  // namespace iov
