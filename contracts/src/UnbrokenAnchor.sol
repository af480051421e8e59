// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsistencyProof} from "./ConsistencyProof.sol";
import {IUnbrokenAnchor} from "./IUnbrokenAnchor.sol";
import {Signatures} from "./Signatures.sol";

/// @title UnbrokenAnchor
/// @notice The anchor contract of Unbroken: refuses any head that does not extend the last one.
/// @dev No immutable and no constructor argument: the deployed code is the same on every chain.
contract UnbrokenAnchor is IUnbrokenAnchor {
    /// @dev A signer and the first size it signs.
    struct Term {
        uint64 fromSize;
        address signer;
    }

    /// @dev One log. The first three slots are all that an anchor touches in quiet times.
    struct Log {
        uint64 size;
        address signer; // of the last head
        bool exceptional; // a rotation may be pending or a pause active: ask `terms`, `pausedUntil`
        bytes32 root;
        bytes32 mapRoot;
        address registrar;
        uint64 pausedUntil;
        uint64 nonce;
        Term[] terms; // ascending by fromSize; only the last can be in the future
    }

    /// @dev Longest pause. Long enough to rotate a stolen key, too short to hold a log hostage.
    uint64 private constant _MAX_PAUSE = 7 days;

    /// @dev logId => size => commitment. Slot 0: proofs of storage depend on it, never move it.
    mapping(bytes32 => mapping(uint64 => bytes32)) private _records;

    /// @dev logId => log. Slot 1.
    mapping(bytes32 => Log) private _logs;

    /// @inheritdoc IUnbrokenAnchor
    function genesis(
        bytes32 logId,
        string calldata origin,
        address headSigner,
        address registrar,
        bytes32 ed25519PublicKey,
        uint64 size,
        bytes32 root,
        bytes32 mapRoot,
        bytes calldata signature
    ) external {
        Log storage log = _logs[logId];
        if (log.size != 0) revert LogExists(logId);
        _checkIdentity(logId, origin, headSigner, registrar, ed25519PublicKey);
        if (size == 0) revert NotGrowing(0, 0);
        _checkHead(headSigner, logId, size, root, mapRoot, signature);

        log.signer = headSigner;
        log.registrar = registrar;
        log.terms.push(Term({fromSize: 0, signer: headSigner}));
        emit LogOpened(logId, origin, headSigner, registrar, ed25519PublicKey);
        _write(log, logId, size, root, mapRoot);
        emit Anchored(logId, size, root, mapRoot, 0);
    }

    /// @inheritdoc IUnbrokenAnchor
    function anchor(
        bytes32 logId,
        uint64 oldSize,
        uint64 newSize,
        bytes32 root,
        bytes32 mapRoot,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external {
        Log storage log = _logs[logId];
        uint64 size = log.size;
        if (size == 0) revert UnknownLog(logId);
        address signer = log.exceptional ? _exception(log, newSize) : log.signer;
        if (size != oldSize) revert StaleOldSize(size);
        if (newSize <= oldSize) revert NotGrowing(oldSize, newSize);
        if (!ConsistencyProof.isConsistent(oldSize, newSize, log.root, root, proof)) {
            revert InconsistentHead();
        }
        _checkHead(signer, logId, newSize, root, mapRoot, signature);

        _write(log, logId, newSize, root, mapRoot);
        emit Anchored(logId, newSize, root, mapRoot, oldSize);
    }

    /// @inheritdoc IUnbrokenAnchor
    function rotateSigner(
        bytes32 logId,
        address newSigner,
        uint64 fromSize,
        uint64 nonce,
        bytes calldata signature
    ) external {
        Log storage log = _openLog(logId);
        if (newSigner == address(0)) revert ZeroAddress();
        uint64 size = log.size;
        if (fromSize <= size) revert FromSizeNotAhead(size);
        _takeOrder(
            log, Signatures.rotateSigner(logId, newSigner, fromSize, nonce), nonce, signature
        );

        Term memory term = Term({fromSize: fromSize, signer: newSigner});
        uint256 last = log.terms.length - 1;
        if (log.terms[last].fromSize > size) log.terms[last] = term;
        else log.terms.push(term);
        log.exceptional = true;
        emit SignerRotated(logId, newSigner, fromSize);
    }

    /// @inheritdoc IUnbrokenAnchor
    function rotateRegistrar(
        bytes32 logId,
        address newRegistrar,
        uint64 nonce,
        bytes calldata signature
    ) external {
        Log storage log = _openLog(logId);
        if (newRegistrar == address(0)) revert ZeroAddress();
        _takeOrder(log, Signatures.rotateRegistrar(logId, newRegistrar, nonce), nonce, signature);

        log.registrar = newRegistrar;
        emit RegistrarRotated(logId, newRegistrar);
    }

    /// @inheritdoc IUnbrokenAnchor
    function pause(bytes32 logId, uint64 until, uint64 nonce, bytes calldata signature) external {
        Log storage log = _openLog(logId);
        // A proposer may shift the time by seconds: nothing against a pause of days.
        // slither-disable-next-line timestamp
        if (block.timestamp < log.pausedUntil) revert AnchoringPaused(log.pausedUntil);
        uint64 latest = uint64(block.timestamp) + _MAX_PAUSE;
        // slither-disable-next-line timestamp
        if (until <= block.timestamp || until > latest) revert BadPauseEnd(latest);
        _takeOrder(log, Signatures.pause(logId, until, nonce), nonce, signature);

        log.pausedUntil = until;
        log.exceptional = true;
        emit Paused(logId, until);
    }

    /// @inheritdoc IUnbrokenAnchor
    function record(bytes32 logId, uint64 size) external view returns (bytes32) {
        return _records[logId][size];
    }

    /// @inheritdoc IUnbrokenAnchor
    function head(bytes32 logId)
        external
        view
        returns (uint64 size, bytes32 root, bytes32 mapRoot)
    {
        Log storage log = _logs[logId];
        return (log.size, log.root, log.mapRoot);
    }

    /// @inheritdoc IUnbrokenAnchor
    function signerAt(bytes32 logId, uint64 size) external view returns (address) {
        Term[] storage terms = _logs[logId].terms;
        for (uint256 i = terms.length; i > 0; --i) {
            if (terms[i - 1].fromSize <= size) return terms[i - 1].signer;
        }
        return address(0);
    }

    /// @inheritdoc IUnbrokenAnchor
    function registrarOf(bytes32 logId) external view returns (address) {
        return _logs[logId].registrar;
    }

    /// @inheritdoc IUnbrokenAnchor
    function nonceOf(bytes32 logId) external view returns (uint64) {
        return _logs[logId].nonce;
    }

    /// @inheritdoc IUnbrokenAnchor
    function pausedUntil(bytes32 logId) external view returns (uint64) {
        return _logs[logId].pausedUntil;
    }

    /// @dev Checks the registrar's signature and uses its nonce up.
    function _takeOrder(Log storage log, bytes32 structHash, uint64 nonce, bytes calldata signature)
        private
    {
        if (nonce != log.nonce) revert WrongNonce(log.nonce);
        bytes32 digest = Signatures.orderDigest(structHash);
        if (!Signatures.isBy(log.registrar, digest, signature)) revert BadSignature();
        log.nonce = nonce + 1;
    }

    /// @dev The slow path: refuses while paused, else says who signs `newSize`. Ends itself once
    /// the pause is over and no rotation is pending; a later revert undoes that too.
    function _exception(Log storage log, uint64 newSize) private returns (address signer) {
        // slither-disable-next-line timestamp
        if (block.timestamp < log.pausedUntil) revert AnchoringPaused(log.pausedUntil);
        Term storage term = log.terms[log.terms.length - 1];
        if (newSize < term.fromSize) return log.signer;
        signer = term.signer;
        log.signer = signer;
        log.exceptional = false;
    }

    /// @dev The only place that writes heads and records. A record's slot is empty here, since
    /// sizes only grow.
    function _write(Log storage log, bytes32 logId, uint64 size, bytes32 root, bytes32 mapRoot)
        private
    {
        log.size = size;
        log.root = root;
        log.mapRoot = mapRoot;
        _records[logId][size] = keccak256(abi.encode(root, mapRoot));
    }

    /// @dev The log, which must be open.
    function _openLog(bytes32 logId) private view returns (Log storage log) {
        log = _logs[logId];
        if (log.size == 0) revert UnknownLog(logId);
    }

    /// @dev Reverts unless `logId` commits to the values given.
    function _checkIdentity(
        bytes32 logId,
        string calldata origin,
        address headSigner,
        address registrar,
        bytes32 ed25519PublicKey
    ) private pure {
        uint256 length = bytes(origin).length;
        if (length == 0 || length > type(uint16).max) revert BadOrigin();
        if (headSigner == address(0) || registrar == address(0)) revert ZeroAddress();
        bytes32 expected = sha256(
            abi.encodePacked(
                "unbroken/log/v1\x00",
                // forge-lint: disable-next-line(unsafe-typecast)
                uint16(length), // at most its maximum, as checked above
                origin,
                headSigner,
                registrar,
                ed25519PublicKey
            )
        );
        if (logId != expected) revert LogIdMismatch(expected);
    }

    /// @dev Reverts unless `signer` signed the head.
    function _checkHead(
        address signer,
        bytes32 logId,
        uint64 size,
        bytes32 root,
        bytes32 mapRoot,
        bytes calldata signature
    ) private pure {
        bytes32 digest = Signatures.headDigest(logId, size, root, mapRoot);
        if (!Signatures.isBy(signer, digest, signature)) revert BadSignature();
    }
}
