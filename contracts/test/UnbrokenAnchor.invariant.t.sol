// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signatures} from "../src/Signatures.sol";
import {UnbrokenAnchor} from "../src/UnbrokenAnchor.sol";
import {LogFixture} from "./LogFixture.sol";
import {ReferenceTree} from "./ReferenceTree.sol";

/// @notice Everybody at once: an honest operator, a signer who forks, a registrar, the clock.
contract Actors is LogFixture {
    uint64[] private _anchored;
    uint256 private _signerKey = SIGNER_KEY;
    uint256 private _nextKey = SIGNER_KEY;
    uint64 private _nextFrom;

    constructor() {
        vm.warp(1_800_000_000);
        openLog(1);
        _anchored.push(1);
    }

    function extend(uint8 batch) external {
        (uint64 size,,) = _anchor.head(_logId);
        uint64 newSize = size + 1 + batch % 16;
        anchorFrom(_keyFor(newSize), size, newSize);
        _anchored.push(newSize);
    }

    /// @dev A stolen signer key: true signatures over a log that parts below the head.
    function fork(uint8 place, uint8 batch) external {
        (uint64 size,,) = _anchor.head(_logId);
        uint64 newSize = size + 1 + batch % 16;
        ReferenceTree.Tree memory forked = ReferenceTree.Tree({forkAt: place % size, fork: 1});
        bytes32 root = ReferenceTree.root(forked, newSize);
        bytes memory signature = headSignature(_keyFor(newSize), newSize, root, 0);
        bytes32[] memory proof = ReferenceTree.proof(forked, size, newSize);
        _anchor.anchor(_logId, size, newSize, root, 0, proof, signature);
    }

    /// @dev Tries to anchor an earlier size again, with another map root.
    function rewind(uint8 pick) external {
        uint64 size = _anchored[pick % _anchored.length];
        (uint64 headSize,,) = _anchor.head(_logId);
        bytes32 root = ReferenceTree.root(_tree, size);
        bytes memory signature = headSignature(_keyFor(size), size, root, bytes32(uint256(1)));
        _anchor.anchor(
            _logId, headSize, size, root, bytes32(uint256(1)), new bytes32[](0), signature
        );
    }

    function rotate(uint8 key, uint8 ahead) external {
        (uint64 size,,) = _anchor.head(_logId);
        uint64 from = size + 1 + ahead % 8;
        uint256 nextKey = 1 + uint256(key);
        uint64 nonce = _anchor.nonceOf(_logId);
        bytes32 structHash = Signatures.rotateSigner(_logId, vm.addr(nextKey), from, nonce);
        bytes memory signature = order(REGISTRAR_KEY, structHash);
        _anchor.rotateSigner(_logId, vm.addr(nextKey), from, nonce, signature);
        if (_nextFrom <= size) _signerKey = _nextKey;
        _nextKey = nextKey;
        _nextFrom = from;
    }

    /// @dev One call in four, or the log would rest most of the time.
    function pause(uint32 seconds_) external {
        if (seconds_ % 4 != 0) return;
        uint64 until = uint64(block.timestamp + seconds_ % 8 days);
        uint64 nonce = _anchor.nonceOf(_logId);
        bytes memory signature = order(REGISTRAR_KEY, Signatures.pause(_logId, until, nonce));
        _anchor.pause(_logId, until, nonce, signature);
    }

    function wait_(uint32 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 30 days);
    }

    function anchored() external view returns (uint64[] memory) {
        return _anchored;
    }

    function contractAndLog() external view returns (UnbrokenAnchor, bytes32) {
        return (_anchor, _logId);
    }

    function commitmentAt(uint64 size) external view returns (bytes32) {
        return commitment(size);
    }

    function signerDueAt(uint64 size) external view returns (address) {
        return vm.addr(_keyFor(size));
    }

    function _keyFor(uint64 size) private view returns (uint256) {
        return size < _nextFrom ? _signerKey : _nextKey;
    }
}

/// @notice What no sequence of calls can break.
contract UnbrokenAnchorInvariantTest {
    Actors private _actors;
    uint64 private _largest;

    function setUp() public {
        _actors = new Actors();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_actors);
    }

    function invariant_headIsTheLastAnchoredSizeOfTheOneLog() public view {
        (UnbrokenAnchor target, bytes32 logId) = _actors.contractAndLog();
        uint64[] memory sizes = _actors.anchored();
        (uint64 size, bytes32 root, bytes32 mapRoot) = target.head(logId);
        assert(size == sizes[sizes.length - 1]);
        assert(keccak256(abi.encode(root, mapRoot)) == _actors.commitmentAt(size));
    }

    function invariant_recordsNeverChange() public view {
        (UnbrokenAnchor target, bytes32 logId) = _actors.contractAndLog();
        uint64[] memory sizes = _actors.anchored();
        for (uint256 i = 0; i < sizes.length; ++i) {
            assert(target.record(logId, sizes[i]) == _actors.commitmentAt(sizes[i]));
        }
    }

    function invariant_sizeNeverFalls() public {
        (UnbrokenAnchor target, bytes32 logId) = _actors.contractAndLog();
        (uint64 size,,) = target.head(logId);
        assert(size >= _largest);
        _largest = size;
    }

    function invariant_pauseNeverOutlastsSevenDays() public view {
        (UnbrokenAnchor target, bytes32 logId) = _actors.contractAndLog();
        assert(target.pausedUntil(logId) <= block.timestamp + 7 days);
    }

    function invariant_nextSignerIsTheRegistrarsChoice() public view {
        (UnbrokenAnchor target, bytes32 logId) = _actors.contractAndLog();
        (uint64 size,,) = target.head(logId);
        assert(target.signerAt(logId, size + 1) == _actors.signerDueAt(size + 1));
        assert(target.signerAt(logId, size + 9) == _actors.signerDueAt(size + 9));
    }
}
