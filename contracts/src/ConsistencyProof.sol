// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ConsistencyProof
/// @notice Checks that one RFC 9162 tree (SHA-256) is a prefix of another.
library ConsistencyProof {
    /// @notice Whether `proof` leads from (oldSize, oldRoot) to (newSize, newRoot).
    /// @dev RFC 9162 section 2.1.4.2. Equal sizes need equal roots and an empty proof; size 0 has
    /// no proof (a log is opened by genesis). At most one pass over the proof, at most two hashes
    /// per element; a surplus or a missing element fails.
    /// @param oldSize Number of leaves of the older tree.
    /// @param newSize Number of leaves of the newer tree.
    /// @param oldRoot Tree hash of the older tree.
    /// @param newRoot Tree hash of the newer tree.
    /// @param proof Node hashes in the order of RFC 9162 section 2.1.4.1.
    /// @return True when the newer tree extends the older one.
    function isConsistent(
        uint64 oldSize,
        uint64 newSize,
        bytes32 oldRoot,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) internal view returns (bool) {
        if (oldSize == 0 || oldSize > newSize) return false;
        if (oldSize == newSize) return proof.length == 0 && oldRoot == newRoot;

        uint256 fn = uint256(oldSize) - 1;
        uint256 sn = uint256(newSize) - 1;
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        // fn == 0 now means that oldSize is a power of two: the proof starts with the old root
        // itself, which is not repeated in the proof.
        bytes32 fr = oldRoot;
        uint256 i = 0;
        if (fn != 0) {
            if (proof.length == 0) return false;
            fr = proof[0];
            i = 1;
        }
        return _fold(fn, sn, fr, i, proof, oldRoot, newRoot);
    }

    /// @dev Steps 5 and 6 of the algorithm.
    function _fold(
        uint256 fn,
        uint256 sn,
        bytes32 fr,
        uint256 i,
        bytes32[] calldata proof,
        bytes32 oldRoot,
        bytes32 newRoot
    ) private view returns (bool) {
        bytes32 sr = fr;
        uint256 buffer = _buffer();
        for (; i < proof.length; ++i) {
            if (sn == 0) return false;
            bytes32 c = proof[i];
            if (fn & 1 == 1 || fn == sn) {
                fr = _node(buffer, c, fr);
                sr = _node(buffer, c, sr);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                sr = _node(buffer, sr, c);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && fr == oldRoot && sr == newRoot;
    }

    /// @dev SHA-256(0x01 || left || right). The precompile at address 2 can fail only for want of
    /// gas; then the whole call reverts, so that no stale word is ever taken for a hash.
    function _node(uint256 buffer, bytes32 left, bytes32 right)
        private
        view
        returns (bytes32 digest)
    {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(add(buffer, 0x01), left)
            mstore(add(buffer, 0x21), right)
            if iszero(staticcall(gas(), 2, buffer, 0x41, 0x00, 0x20)) {
                revert(0x00, 0x00)
            }
            digest := mload(0x00)
        }
    }

    /// @dev Reserves 96 bytes whose first is the node prefix 0x01; every `_node` reuses them.
    function _buffer() private pure returns (uint256 buffer) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            buffer := mload(0x40)
            mstore(0x40, add(buffer, 0x60))
            mstore8(buffer, 1)
        }
    }
}
