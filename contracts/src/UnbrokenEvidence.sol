// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsistencyProof} from "./ConsistencyProof.sol";
import {Handoffs} from "./Handoffs.sol";
import {IUnbrokenAnchor} from "./IUnbrokenAnchor.sol";
import {IUnbrokenEvidence} from "./IUnbrokenEvidence.sol";
import {Signatures} from "./Signatures.sol";

/// @title UnbrokenEvidence
/// @notice The evidence contract of Unbroken: what convicts a key or a log, for everyone to see.
/// @dev No immutable and no constructor argument: the deployed code is the same on every chain. The
/// anchor contract is an argument, and part of what is recorded: a made-up one convicts its own
/// made-up logs, which nobody asks for.
contract UnbrokenEvidence is IUnbrokenEvidence {
    /// @dev Domain separator of submissions => key => block number.
    mapping(bytes32 => mapping(address => uint256)) private _keys;

    /// @dev Anchor contract => logId => block number.
    mapping(IUnbrokenAnchor => mapping(bytes32 => uint256)) private _logs;

    /// @inheritdoc IUnbrokenEvidence
    function proveDoubleSpend(
        uint256 chainId,
        address home,
        bytes32 itemKey,
        bytes32 spends,
        Handoff calldata first,
        Handoff calldata second
    ) external {
        if (spends == 0) revert NoClaim();
        bytes32 domain = Handoffs.domainOf(chainId, home);
        _checkHandoff(0, first, domain, itemKey, spends);
        _checkHandoff(1, second, domain, itemKey, spends);
        address signer = Handoffs.signerOf(first.entry);
        if (Handoffs.signerOf(second.entry) != signer) revert TwoKeys();
        if (Handoffs.toOwner(first.entry) == Handoffs.toOwner(second.entry)) revert SameOwner();

        if (_keys[domain][signer] != 0) return;
        _keys[domain][signer] = block.number;
        emit KeyEquivocated(signer, chainId, home, itemKey, spends);
    }

    /// @inheritdoc IUnbrokenEvidence
    function proveTwoHeads(
        IUnbrokenAnchor anchor,
        bytes32 logId,
        Head calldata first,
        Head calldata second
    ) external {
        if (first.size != second.size) {
            revert WrongSizes(first.size, second.size);
        }
        if (first.root == second.root && first.mapRoot == second.mapRoot) revert NoContradiction();
        _checkHead(0, anchor, logId, first);
        _checkHead(1, anchor, logId, second);
        _convictLog(anchor, logId, first.size, second.size);
    }

    /// @inheritdoc IUnbrokenEvidence
    function proveFork(
        IUnbrokenAnchor anchor,
        bytes32 logId,
        Head calldata older,
        Head calldata newer,
        bytes32 root,
        bytes32[] calldata proof
    ) external {
        if (older.size >= newer.size) {
            revert WrongSizes(older.size, newer.size);
        }
        if (root == older.root) revert NoContradiction();
        if (!ConsistencyProof.isConsistent(older.size, newer.size, root, newer.root, proof)) {
            revert BadProof();
        }
        _checkHead(0, anchor, logId, older);
        _checkHead(1, anchor, logId, newer);
        _convictLog(anchor, logId, older.size, newer.size);
    }

    /// @inheritdoc IUnbrokenEvidence
    function keyEquivocatedAt(address signer, uint256 chainId, address home)
        external
        view
        returns (uint256 number)
    {
        return _keys[Handoffs.domainOf(chainId, home)][signer];
    }

    /// @inheritdoc IUnbrokenEvidence
    function logEquivocatedAt(IUnbrokenAnchor anchor, bytes32 logId)
        external
        view
        returns (uint256 number)
    {
        return _logs[anchor][logId];
    }

    /// @dev Records a log, once.
    function _convictLog(IUnbrokenAnchor anchor, bytes32 logId, uint64 olderSize, uint64 newerSize)
        private
    {
        if (_logs[anchor][logId] != 0) return;
        _logs[anchor][logId] = block.number;
        emit LogEquivocated(address(anchor), logId, olderSize, newerSize);
    }

    /// @dev Reverts unless the head is one of the log: by the signer due at its size, or anchored.
    /// The anchor is only read, so a hostile one can do nothing here.
    function _checkHead(uint256 place, IUnbrokenAnchor anchor, bytes32 logId, Head calldata head)
        private
        view
    {
        if (head.signature.length == 0) {
            bytes32 commitment = keccak256(abi.encode(head.root, head.mapRoot));
            if (anchor.record(logId, head.size) != commitment) revert NotAHead(place);
            return;
        }
        address signer = anchor.signerAt(logId, head.size);
        if (signer == address(0)) revert UnknownLog(logId);
        bytes32 digest = Signatures.headDigest(logId, head.size, head.root, head.mapRoot);
        if (!Signatures.isBy(signer, digest, head.signature)) revert NotAHead(place);
    }

    /// @dev Reverts unless the handoff is to an owner, signed, and names the item with the token.
    function _checkHandoff(
        uint256 place,
        Handoff calldata handoff,
        bytes32 domain,
        bytes32 itemKey,
        bytes32 spends
    ) private pure {
        if (!Handoffs.isHandoff(handoff.entry)) revert NotAHandoff(place);
        if (!Handoffs.isSigned(handoff, domain)) revert NotSigned(place);
        if (!Handoffs.isNaming(handoff, itemKey, spends)) revert NotNamed(place);
    }
}
