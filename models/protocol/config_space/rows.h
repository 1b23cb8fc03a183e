// SPDX-License-Identifier: Apache-2.0
/// The register tables of the headers and capabilities, as rows for one function.
///
/// Spec    PCIe Base 5.0 7.5.1.2 (type 0), 7.5.1.3 (type 1), 7.5.2 (power management), 7.5.3, 7.7.2,
///         7.8.4 (AER), 6.12 (ACS), 7.8.7, 7.8.8, 9.3.3, 10.5; differences of a VF: 9.3.4 to 9.3.7.
#pragma once
#include <vector>

#include "models/protocol/config_space/function_description.h"
#include "models/protocol/config_space/row.h"

namespace iov::config {

std::vector<Row> type0_header(const FunctionDescription& d);
std::vector<Row> type1_header(const FunctionDescription& d);
/// The rows of six BARs from `offset` on; also those of the VF BARs.
std::vector<Row> bar_rows(const Bars& bars, unsigned offset);

std::vector<Row> power_management_rows();
std::vector<Row> msi_rows();
std::vector<Row> msix_rows(const MsixCapability& m);
std::vector<Row> pci_express_rows(const FunctionDescription& d);

std::vector<Row> aer_rows(const FunctionDescription& d);
std::vector<Row> ari_rows(const AriCapability& a);
std::vector<Row> acs_rows(const AcsCapability& a);
std::vector<Row> ats_rows(const AtsCapability& a, bool virtual_function);
std::vector<Row> pri_rows(const PriCapability& p, bool pasid);
std::vector<Row> pasid_rows(const PasidCapability& p);
std::vector<Row> sriov_rows(const SriovCapability& s);

/// The code of a Max_Payload_Size or Max_Read_Request_Size (PCIe Base 5.0 7.5.3.3): 128 << code.
unsigned size_code(unsigned bytes);
unsigned acs_bytes(const AcsCapability& a);

}  // namespace iov::config
