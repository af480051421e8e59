// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IUnbrokenAnchor} from "../src/IUnbrokenAnchor.sol";
import {Signatures} from "../src/Signatures.sol";
import {UnbrokenAnchor} from "../src/UnbrokenAnchor.sol";
import {LogFixture} from "./LogFixture.sol";

/// @notice What the registrar may order: signers, a successor, a pause. Nothing about records.
contract OrdersTest is LogFixture {
    uint256 private constant NEXT_KEY = 0xC0FFEE;

    function setUp() public {
        vm.warp(1_800_000_000);
        openLog(3);
    }

    function test_rotatedSignerSignsFromItsSizeOn() public {
        _rotate(NEXT_KEY, 10, 0);
        assert(_anchor.signerAt(_logId, 9) == vm.addr(SIGNER_KEY));
        assert(_anchor.signerAt(_logId, 10) == vm.addr(NEXT_KEY));
        _expectBadSignature(SIGNER_KEY, 10);
        _expectBadSignature(NEXT_KEY, 9);
        anchorTo(SIGNER_KEY, 9);
        anchorTo(NEXT_KEY, 12);
        anchorTo(NEXT_KEY, 13);
        _expectBadSignature(SIGNER_KEY, 14);
        assert(_anchor.signerAt(_logId, 9) == vm.addr(SIGNER_KEY));
        assert(_anchor.signerAt(_logId, 11) == vm.addr(NEXT_KEY));
    }

    function test_pendingRotationIsReplaced() public {
        _rotate(OTHER_KEY, 1_000_000, 0);
        _rotate(NEXT_KEY, 4, 1);
        assert(_anchor.signerAt(_logId, 1_000_000) == vm.addr(NEXT_KEY));
        anchorTo(NEXT_KEY, 4);
        _rotate(SIGNER_KEY, 6, 2);
        anchorTo(NEXT_KEY, 5);
        anchorTo(SIGNER_KEY, 7);
        assert(_anchor.signerAt(_logId, 3) == vm.addr(SIGNER_KEY));
        assert(_anchor.signerAt(_logId, 5) == vm.addr(NEXT_KEY));
        assert(_anchor.signerAt(_logId, 6) == vm.addr(SIGNER_KEY));
    }

    function test_signerOfAnchoredSizesNeverChanges() public {
        bytes memory signature =
            order(REGISTRAR_KEY, Signatures.rotateSigner(_logId, vm.addr(NEXT_KEY), 3, 0));
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.FromSizeNotAhead.selector, 3));
        _anchor.rotateSigner(_logId, vm.addr(NEXT_KEY), 3, 0, signature);
        signature = order(REGISTRAR_KEY, Signatures.rotateSigner(_logId, address(0), 4, 0));
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.ZeroAddress.selector));
        _anchor.rotateSigner(_logId, address(0), 4, 0, signature);
    }

    function test_orderNeedsTheRegistrarThisChainAndThisContract() public {
        bytes32 structHash = Signatures.rotateSigner(_logId, vm.addr(NEXT_KEY), 4, 0);
        bytes[3] memory wrong = [
            signed(SIGNER_KEY, orderDigest(block.chainid, address(_anchor), structHash)),
            signed(REGISTRAR_KEY, orderDigest(block.chainid + 1, address(_anchor), structHash)),
            signed(REGISTRAR_KEY, orderDigest(block.chainid, address(this), structHash))
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
            _anchor.rotateSigner(_logId, vm.addr(NEXT_KEY), 4, 0, wrong[i]);
        }
    }

    function test_orderIsUsedOnce() public {
        bytes memory signature =
            order(REGISTRAR_KEY, Signatures.rotateSigner(_logId, vm.addr(NEXT_KEY), 10, 0));
        _anchor.rotateSigner(_logId, vm.addr(NEXT_KEY), 10, 0, signature);
        assert(_anchor.nonceOf(_logId) == 1);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.WrongNonce.selector, 1));
        _anchor.rotateSigner(_logId, vm.addr(NEXT_KEY), 10, 0, signature);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
        _anchor.rotateSigner(_logId, vm.addr(NEXT_KEY), 10, 1, signature);
    }

    function test_registrarNamesItsSuccessor() public {
        bytes32 structHash = Signatures.rotateRegistrar(_logId, vm.addr(NEXT_KEY), 0);
        bytes memory bySigner = order(SIGNER_KEY, structHash);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
        _anchor.rotateRegistrar(_logId, vm.addr(NEXT_KEY), 0, bySigner);
        _anchor.rotateRegistrar(_logId, vm.addr(NEXT_KEY), 0, order(REGISTRAR_KEY, structHash));
        assert(_anchor.registrarOf(_logId) == vm.addr(NEXT_KEY));

        structHash = Signatures.pause(_logId, uint64(block.timestamp + 1), 1);
        bytes memory byFormer = order(REGISTRAR_KEY, structHash);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
        _anchor.pause(_logId, uint64(block.timestamp + 1), 1, byFormer);
        _anchor.pause(_logId, uint64(block.timestamp + 1), 1, order(NEXT_KEY, structHash));
    }

    function test_pauseStopsAnchoringAndEndsByItself() public {
        uint64 until = uint64(block.timestamp + 7 days);
        _pause(until, 0);
        assert(_anchor.pausedUntil(_logId) == until);
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.AnchoringPaused.selector, until));
        this.tryAnchorTo(SIGNER_KEY, 5);
        vm.warp(until);
        anchorTo(SIGNER_KEY, 5);
        anchorTo(SIGNER_KEY, 6);
        assert(_anchor.record(_logId, 3) == commitment(3));
    }

    function test_pauseIsShortAndNotExtendedWhileItLasts() public {
        uint64 latest = uint64(block.timestamp + 7 days);
        _expectBadEnd(latest + 1, latest);
        _expectBadEnd(uint64(block.timestamp), latest);
        _pause(uint64(block.timestamp + 100), 0);
        uint64 until = uint64(block.timestamp + 200);
        bytes memory signature = order(REGISTRAR_KEY, Signatures.pause(_logId, until, 1));
        vm.expectRevert(
            abi.encodeWithSelector(IUnbrokenAnchor.AnchoringPaused.selector, block.timestamp + 100)
        );
        _anchor.pause(_logId, until, 1, signature);
    }

    function test_signerIsRotatedWhilePaused() public {
        uint64 until = uint64(block.timestamp + 100);
        _pause(until, 0);
        _rotate(NEXT_KEY, 4, 1);
        vm.warp(until);
        _expectBadSignature(SIGNER_KEY, 5);
        anchorTo(NEXT_KEY, 5);
    }

    function tryAnchorTo(uint256 key, uint64 newSize) external {
        anchorTo(key, newSize);
    }

    function _expectBadSignature(uint256 key, uint64 newSize) private {
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
        this.tryAnchorTo(key, newSize);
    }

    function _expectBadEnd(uint64 until, uint64 latest) private {
        bytes memory signature = order(REGISTRAR_KEY, Signatures.pause(_logId, until, 0));
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadPauseEnd.selector, latest));
        _anchor.pause(_logId, until, 0, signature);
    }

    function _rotate(uint256 key, uint64 fromSize, uint64 nonce) private {
        bytes32 structHash = Signatures.rotateSigner(_logId, vm.addr(key), fromSize, nonce);
        _anchor.rotateSigner(
            _logId, vm.addr(key), fromSize, nonce, order(REGISTRAR_KEY, structHash)
        );
    }

    function _pause(uint64 until, uint64 nonce) private {
        bytes32 structHash = Signatures.pause(_logId, until, nonce);
        _anchor.pause(_logId, until, nonce, order(REGISTRAR_KEY, structHash));
    }
}
