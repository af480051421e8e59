// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsistencyProof} from "../src/ConsistencyProof.sol";

/// @notice Gives tests a way to the library that the anchor contract calls.
contract ConsistencyHarness {
    function isConsistent(
        uint64 oldSize,
        uint64 newSize,
        bytes32 oldRoot,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return ConsistencyProof.isConsistent(oldSize, newSize, oldRoot, newRoot, proof);
    }
}
