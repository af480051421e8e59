// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice RFC 9162 section 2.1 as the text writes it: recursive, slow, obviously right.
/// @dev Leaf i is SHA-256(0x00 || i || fork) with fork = 0 below `forkAt`, so that two logs that
/// part at a leaf are two values of `forkAt`.
library ReferenceTree {
    struct Tree {
        uint64 forkAt;
        uint64 fork;
    }

    function root(Tree memory tree, uint64 size) internal pure returns (bytes32) {
        return subtree(tree, 0, size);
    }

    function subtree(Tree memory tree, uint64 start, uint64 end) internal pure returns (bytes32) {
        if (end - start == 1) {
            uint64 mark = start < tree.forkAt ? 0 : tree.fork;
            return sha256(abi.encodePacked(uint8(0), start, mark));
        }
        uint64 k = split(end - start);
        bytes32 left = subtree(tree, start, start + k);
        return sha256(abi.encodePacked(uint8(1), left, subtree(tree, start + k, end)));
    }

    function proof(Tree memory tree, uint64 oldSize, uint64 newSize)
        internal
        pure
        returns (bytes32[] memory)
    {
        return subproof(tree, oldSize, 0, newSize, true);
    }

    function subproof(Tree memory tree, uint64 m, uint64 start, uint64 end, bool whole)
        internal
        pure
        returns (bytes32[] memory path)
    {
        uint64 n = end - start;
        if (m == n) {
            if (whole) return new bytes32[](0);
            path = new bytes32[](1);
            path[0] = subtree(tree, start, end);
            return path;
        }
        uint64 k = split(n);
        if (m <= k) {
            path = subproof(tree, m, start, start + k, whole);
            return append(path, subtree(tree, start + k, end));
        }
        path = subproof(tree, m - k, start + k, end, false);
        return append(path, subtree(tree, start, start + k));
    }

    function split(uint64 n) internal pure returns (uint64 k) {
        k = 1;
        while (k * 2 < n) k *= 2;
    }

    function append(bytes32[] memory path, bytes32 node) internal pure returns (bytes32[] memory) {
        bytes32[] memory longer = new bytes32[](path.length + 1);
        for (uint256 i = 0; i < path.length; ++i) {
            longer[i] = path[i];
        }
        longer[path.length] = node;
        return longer;
    }
}
