// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsistencyHarness} from "./ConsistencyHarness.sol";
import {ReferenceTree} from "./ReferenceTree.sol";

/// @notice The cases that the anchor contract never reaches, and every small tree.
contract ConsistencyProofTest {
    ConsistencyHarness private _harness;
    ReferenceTree.Tree private _tree;

    function setUp() public {
        _harness = new ConsistencyHarness();
    }

    function test_everyPairOfSmallTreesIsConsistent() public view {
        for (uint64 b = 2; b <= 17; ++b) {
            bytes32 newRoot = ReferenceTree.root(_tree, b);
            for (uint64 a = 1; a < b; ++a) {
                bytes32 oldRoot = ReferenceTree.root(_tree, a);
                bytes32[] memory proof = ReferenceTree.proof(_tree, a, b);
                assert(_harness.isConsistent(a, b, oldRoot, newRoot, proof));
                assert(!_harness.isConsistent(a, b, newRoot, oldRoot, proof));
                assert(!_harness.isConsistent(b, a, newRoot, oldRoot, proof));
            }
        }
    }

    /// @dev The proof of the right halves, then the left half: one element more than those sizes
    /// have.
    function test_sizesWithoutTheLeftHalfAreRefused() public view {
        for (uint64 b = 10; b <= 15; ++b) {
            bytes32 newRoot = ReferenceTree.root(_tree, b);
            for (uint64 a = 9; a < b; ++a) {
                bytes32[] memory proof = ReferenceTree.proof(_tree, a, b);
                bytes32 oldRoot = ReferenceTree.root(_tree, a);
                assert(!_harness.isConsistent(a - 8, b - 8, oldRoot, newRoot, proof));
            }
        }
    }

    /// @dev A proof that ends before the new root is reached.
    function test_newSizesTwiceAsLargeAreRefused() public view {
        for (uint64 b = 2; b <= 9; ++b) {
            bytes32 newRoot = ReferenceTree.root(_tree, b);
            for (uint64 a = 1; a < b; ++a) {
                bytes32[] memory proof = ReferenceTree.proof(_tree, a, b);
                bytes32 oldRoot = ReferenceTree.root(_tree, a);
                assert(!_harness.isConsistent(a, 2 * b, oldRoot, newRoot, proof));
            }
        }
    }

    function test_equalSizesNeedEqualRootsAndNoProof() public view {
        bytes32 root = ReferenceTree.root(_tree, 5);
        assert(_harness.isConsistent(5, 5, root, root, new bytes32[](0)));
        assert(!_harness.isConsistent(5, 5, root, bytes32(0), new bytes32[](0)));
        assert(!_harness.isConsistent(5, 5, root, root, new bytes32[](1)));
    }

    function test_sizeZeroIsConsistentWithNothing() public view {
        bytes32 empty = sha256("");
        assert(!_harness.isConsistent(0, 0, empty, empty, new bytes32[](0)));
        assert(!_harness.isConsistent(0, 1, empty, ReferenceTree.root(_tree, 1), new bytes32[](0)));
    }
}
