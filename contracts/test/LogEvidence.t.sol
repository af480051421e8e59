// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IUnbrokenAnchor} from "../src/IUnbrokenAnchor.sol";
import {IUnbrokenEvidence} from "../src/IUnbrokenEvidence.sol";
import {UnbrokenEvidence} from "../src/UnbrokenEvidence.sol";
import {LogFixture} from "./LogFixture.sol";
import {ReferenceTree} from "./ReferenceTree.sol";

/// @notice Which logs are convicted of showing two histories, and which never are.
contract LogEvidenceTest is LogFixture {
    UnbrokenEvidence private _evidence;

    /// @dev The history that is shown to others: it parts from the anchored one at leaf 5.
    ReferenceTree.Tree private _fork = ReferenceTree.Tree({forkAt: 5, fork: 1});

    function setUp() public {
        openLog(3);
        anchorTo(SIGNER_KEY, 8);
        anchorTo(SIGNER_KEY, 13);
        _evidence = new UnbrokenEvidence();
    }

    function test_twoSignedHeadsOfOneSizeConvict() public {
        vm.expectEmit();
        emit IUnbrokenEvidence.LogEquivocated(address(_anchor), _logId, 11, 11);
        _evidence.proveTwoHeads(_anchor, _logId, headOf(_tree, 11), headOf(_fork, 11));
        assert(_evidence.logEquivocatedAt(_anchor, _logId) == block.number);
    }

    function test_aSignedHeadBesideAnAnchoredOneConvicts() public {
        _evidence.proveTwoHeads(_anchor, _logId, anchored(8), headOf(_fork, 8));
        assert(convicted());
    }

    function test_twoMapsOfOneTreeConvict() public {
        IUnbrokenEvidence.Head memory head = headOf(_tree, 11);
        head.mapRoot = keccak256("another map");
        head.signature = headSignature(SIGNER_KEY, 11, head.root, head.mapRoot);
        _evidence.proveTwoHeads(_anchor, _logId, headOf(_tree, 11), head);
        assert(convicted());
    }

    function test_oneHeadTwiceConvictsNobody() public {
        refusesTwo(
            abi.encodePacked(IUnbrokenEvidence.NoContradiction.selector),
            _logId,
            headOf(_tree, 11),
            headOf(_tree, 11)
        );
        refusesTwo(
            abi.encodePacked(IUnbrokenEvidence.NoContradiction.selector),
            _logId,
            headOf(_tree, 8),
            anchored(8)
        );
    }

    function test_headsOfTwoSizesAreNoTwoHeads() public {
        refusesTwo(
            abi.encodeWithSelector(IUnbrokenEvidence.WrongSizes.selector, uint64(11), uint64(12)),
            _logId,
            headOf(_tree, 11),
            headOf(_fork, 12)
        );
    }

    function test_aHeadBySomebodyElseConvictsNobody() public {
        IUnbrokenEvidence.Head memory head = headOf(_fork, 11);
        head.signature = headSignature(OTHER_KEY, 11, head.root, head.mapRoot);
        refusesTwo(
            abi.encodeWithSelector(IUnbrokenEvidence.NotAHead.selector, 1),
            _logId,
            headOf(_tree, 11),
            head
        );
        head.signature = "";
        refusesTwo(
            abi.encodeWithSelector(IUnbrokenEvidence.NotAHead.selector, 1),
            _logId,
            headOf(_tree, 11),
            head
        );
    }

    function test_anUnknownLogIsNotConvicted() public {
        bytes32 unknown = keccak256("unknown");
        refusesTwo(
            abi.encodeWithSelector(IUnbrokenEvidence.UnknownLog.selector, unknown),
            unknown,
            headOf(_tree, 11),
            headOf(_fork, 11)
        );
    }

    function test_aHeadIsByTheSignerDueAtItsSize() public {
        rotate(14);
        refusesTwo(
            abi.encodeWithSelector(IUnbrokenEvidence.NotAHead.selector, 0),
            _logId,
            headOf(_tree, 14),
            headOf(_fork, 14)
        );
        // Below the size of the rotation the old signer is bound by what it signed.
        _evidence.proveTwoHeads(_anchor, _logId, headOf(_tree, 12), headOf(_fork, 12));
        assert(convicted());
    }

    function test_aNewerHeadThatForksFromTheAnchoredOneConvicts() public {
        _evidence.proveFork(
            _anchor,
            _logId,
            anchored(8),
            headOf(_fork, 11),
            ReferenceTree.root(_fork, 8),
            ReferenceTree.proof(_fork, 8, 11)
        );
        assert(convicted());
    }

    function test_anOlderHeadThatTheAnchoredOneLacksConvicts() public {
        vm.expectEmit();
        emit IUnbrokenEvidence.LogEquivocated(address(_anchor), _logId, 7, 13);
        _evidence.proveFork(
            _anchor,
            _logId,
            headOf(_fork, 7),
            anchored(13),
            ReferenceTree.root(_tree, 7),
            ReferenceTree.proof(_tree, 7, 13)
        );
        assert(convicted());
    }

    function testFuzz_everyForkOfTwoSizesConvicts(uint8 older, uint8 newer) public {
        uint64 m = uint64(older) % 20 + 6; // beyond the leaf at which the histories part
        uint64 n = m + uint64(newer) % 20 + 1;
        _evidence.proveFork(
            _anchor,
            _logId,
            headOf(_tree, m),
            headOf(_fork, n),
            ReferenceTree.root(_fork, m),
            ReferenceTree.proof(_fork, m, n)
        );
        assert(convicted());
    }

    function testFuzz_anHonestLogIsNeverConvicted(uint8 older, uint8 newer, uint256 seed) public {
        uint64 m = uint64(older) % 30 + 1;
        uint64 n = m + uint64(newer) % 30 + 1;
        bytes32 root = ReferenceTree.root(_tree, m);
        bytes32[] memory proof = ReferenceTree.proof(_tree, m, n);
        IUnbrokenEvidence.Head memory last = headOf(_tree, n);
        IUnbrokenEvidence.Head memory first = headOf(_tree, m);
        vm.expectRevert(abi.encodePacked(IUnbrokenEvidence.NoContradiction.selector));
        _evidence.proveFork(_anchor, _logId, first, last, root, proof);
        // Another root at the older size is proven by nothing that leads to the newer head.
        root ^= bytes32(uint256(1) << (seed % 256));
        vm.expectRevert(abi.encodePacked(IUnbrokenEvidence.BadProof.selector));
        _evidence.proveFork(_anchor, _logId, first, last, root, proof);
        if (proof.length != 0) {
            proof[seed % proof.length] ^= bytes32(uint256(1) << (seed >> 8) % 256);
            vm.expectRevert(abi.encodePacked(IUnbrokenEvidence.BadProof.selector));
            _evidence.proveFork(_anchor, _logId, first, last, root, proof);
        }
        assert(!convicted());
    }

    function test_aForkGoesFromOlderToNewer() public {
        bytes32[] memory none = new bytes32[](0);
        refusesFork(
            abi.encodeWithSelector(IUnbrokenEvidence.WrongSizes.selector, uint64(8), uint64(8)),
            anchored(8),
            headOf(_fork, 8),
            0,
            none
        );
        refusesFork(
            abi.encodeWithSelector(IUnbrokenEvidence.WrongSizes.selector, uint64(9), uint64(8)),
            headOf(_fork, 9),
            anchored(8),
            0,
            none
        );
        IUnbrokenEvidence.Head memory empty = headOf(_tree, 8);
        empty.size = 0;
        refusesFork(
            abi.encodePacked(IUnbrokenEvidence.BadProof.selector), empty, headOf(_fork, 8), 0, none
        );
    }

    function test_aForkedHeadBySomebodyElseConvictsNobody() public {
        IUnbrokenEvidence.Head memory head = headOf(_fork, 11);
        head.signature = headSignature(OTHER_KEY, 11, head.root, head.mapRoot);
        bytes32 root = ReferenceTree.root(_fork, 8);
        bytes32[] memory proof = ReferenceTree.proof(_fork, 8, 11);
        refusesFork(
            abi.encodeWithSelector(IUnbrokenEvidence.NotAHead.selector, 1),
            anchored(8),
            head,
            root,
            proof
        );
    }

    function test_aSecondProofChangesNothing() public {
        _evidence.proveTwoHeads(_anchor, _logId, headOf(_tree, 11), headOf(_fork, 11));
        uint256 first = _evidence.logEquivocatedAt(_anchor, _logId);
        vm.roll(block.number + 5);
        _evidence.proveTwoHeads(_anchor, _logId, headOf(_tree, 12), headOf(_fork, 12));
        assert(_evidence.logEquivocatedAt(_anchor, _logId) == first);
    }

    function test_anotherAnchorConvictsItsOwnLogsOnly() public {
        _evidence.proveTwoHeads(_anchor, _logId, headOf(_tree, 11), headOf(_fork, 11));
        assert(_evidence.logEquivocatedAt(IUnbrokenAnchor(address(1)), _logId) == 0);
    }

    /// @dev The heads are signed before: a cheat code would be the next call.
    function refusesTwo(
        bytes memory reason,
        bytes32 logId,
        IUnbrokenEvidence.Head memory first,
        IUnbrokenEvidence.Head memory second
    ) private {
        vm.expectRevert(reason);
        _evidence.proveTwoHeads(_anchor, logId, first, second);
        assert(!convicted());
    }

    function refusesFork(
        bytes memory reason,
        IUnbrokenEvidence.Head memory older,
        IUnbrokenEvidence.Head memory newer,
        bytes32 root,
        bytes32[] memory proof
    ) private {
        vm.expectRevert(reason);
        _evidence.proveFork(_anchor, _logId, older, newer, root, proof);
        assert(!convicted());
    }

    function rotate(uint64 fromSize) private {
        bytes32 orderHash = keccak256(
            abi.encode(
                keccak256(
                    "RotateSigner(bytes32 logId,address newSigner,uint64 fromSize,uint64 nonce)"
                ),
                _logId,
                vm.addr(OTHER_KEY),
                fromSize,
                uint64(0)
            )
        );
        _anchor.rotateSigner(
            _logId, vm.addr(OTHER_KEY), fromSize, 0, order(REGISTRAR_KEY, orderHash)
        );
    }

    function headOf(ReferenceTree.Tree memory tree, uint64 size)
        private
        view
        returns (IUnbrokenEvidence.Head memory head)
    {
        head.size = size;
        head.root = ReferenceTree.root(tree, size);
        head.mapRoot = mapRootAt(size);
        head.signature = headSignature(SIGNER_KEY, size, head.root, head.mapRoot);
    }

    function anchored(uint64 size) private view returns (IUnbrokenEvidence.Head memory head) {
        head = headOf(_tree, size);
        head.signature = "";
    }

    function convicted() private view returns (bool) {
        return _evidence.logEquivocatedAt(_anchor, _logId) != 0;
    }
}
