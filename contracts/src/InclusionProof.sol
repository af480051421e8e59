// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title InclusionProof
/// @notice Leads from a leaf of an RFC 9162 tree (SHA-256) to its root.
library InclusionProof {
    /// @notice Root that a path leads to from a leaf.
    /// @dev RFC 9162 section 2.1.3.2. An index beyond the size, a surplus and a missing element all
    /// give zero, which is no tree hash that anyone can find.
    /// @param leafHash Hash of the leaf.
    /// @param index Place of the leaf, from 0.
    /// @param size Number of leaves.
    /// @param path Node hashes in the order of RFC 9162 section 2.1.3.1.
    /// @return Root, or zero when the path does not fit.
    function rootFrom(bytes32 leafHash, uint32 index, uint32 size, bytes32[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        if (index >= size) return bytes32(0);
        uint256 fn = index;
        uint256 sn = uint256(size) - 1;
        bytes32 r = leafHash;
        for (uint256 i = 0; i < path.length; ++i) {
            if (sn == 0) return bytes32(0);
            if (fn & 1 == 1 || fn == sn) {
                r = sha256(abi.encodePacked(bytes1(0x01), path[i], r));
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                r = sha256(abi.encodePacked(bytes1(0x01), r, path[i]));
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 ? r : bytes32(0);
    }
}
