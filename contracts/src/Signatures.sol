// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Signatures
/// @notice The EIP-712 digests of Unbroken and the one form of signature it accepts.
/// @dev Hashes of constant text are written out, so that no anchor pays for hashing them; a test
/// recomputes each from the text beside it.
library Signatures {
    /// @notice Domain of heads: name "Unbroken Log", version "1", no chain, no contract.
    bytes32 internal constant HEAD_DOMAIN =
        0xbaddd176d063789de4c8a1830519701b49039d27710b8581c5684b7063ab8792;

    /// @notice Hash of `Head(bytes32 logId,uint64 size,bytes32 root,bytes32 mapRoot)`.
    bytes32 internal constant HEAD_TYPE =
        0x028c5416344cda25c42b64f4825f590522275d798801f98b748ce15328bb5b89;

    /// @notice Hash of `EIP712Domain(string name,string version,uint256 chainId,
    /// address verifyingContract)` without the line break and the space.
    bytes32 internal constant ORDER_DOMAIN_TYPE =
        0x8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f;

    /// @notice Hash of `Unbroken Anchor`.
    bytes32 internal constant ORDER_DOMAIN_NAME =
        0xe227ce7088e575561c603e95f91141becab84886a8d77a7f79584625cedf726b;

    /// @notice Hash of `1`.
    bytes32 internal constant ORDER_DOMAIN_VERSION =
        0xc89efdaa54c0f20c7adf612882df0950f5a951637e0307cdcb4c672f298b8bc6;

    /// @notice Hash of `RotateSigner(bytes32 logId,address newSigner,uint64 fromSize,
    /// uint64 nonce)` without the line break and the space.
    bytes32 internal constant ROTATE_SIGNER_TYPE =
        0xa89863cb7e37aff1f7d9f1a69e32317cfa0f34dfad5625e2d8634ded9e94a0de;

    /// @notice Hash of `RotateRegistrar(bytes32 logId,address newRegistrar,uint64 nonce)`.
    bytes32 internal constant ROTATE_REGISTRAR_TYPE =
        0x48e4580a06faa35c95d7fb161d85d7dc464b154fb8937bde18a8f8a8d6268ae2;

    /// @notice Hash of `Pause(bytes32 logId,uint64 until,uint64 nonce)`.
    bytes32 internal constant PAUSE_TYPE =
        0x59d0d3c7edc10a28fb0f50a43724c54495b19952a88698de1a587206f10bbde1;

    /// @dev Half of the order of secp256k1, rounded down: the largest s that is accepted.
    uint256 private constant MAX_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Digest of an order to this contract on this chain.
    /// @param structHash Hash of the order.
    /// @return EIP-712 digest.
    function orderDigest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                ORDER_DOMAIN_TYPE,
                ORDER_DOMAIN_NAME,
                ORDER_DOMAIN_VERSION,
                block.chainid,
                address(this)
            )
        );
        return _digest(domain, structHash);
    }

    /// @notice Whether `signature` over `digest` is by `signer`.
    /// @dev False for a wrong length, a high s and a v other than 27 and 28, since a second form of
    /// one signature would make two bundles of one fact. `ecrecover` answers zero on failure; zero
    /// is never a signer.
    /// @param signer Address expected, not zero.
    /// @param digest What was signed.
    /// @param signature r || s || v.
    /// @return True when it is.
    function isBy(address signer, bytes32 digest, bytes calldata signature)
        internal
        pure
        returns (bool)
    {
        if (signature.length != 65) return false;
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v = uint8(signature[64]);
        if (uint256(s) > MAX_S || (v != 27 && v != 28)) return false;
        address recovered = ecrecover(digest, v, r, s);
        return recovered != address(0) && recovered == signer;
    }

    /// @notice Digest of a head.
    /// @param logId Identity of the log.
    /// @param size Number of leaves.
    /// @param root Tree hash.
    /// @param mapRoot Root of the item map.
    /// @return EIP-712 digest.
    function headDigest(bytes32 logId, uint64 size, bytes32 root, bytes32 mapRoot)
        internal
        pure
        returns (bytes32)
    {
        bytes32 structHash = keccak256(abi.encode(HEAD_TYPE, logId, size, root, mapRoot));
        return _digest(HEAD_DOMAIN, structHash);
    }

    /// @notice Struct hash of a signer's rotation.
    /// @param logId Identity of the log.
    /// @param newSigner The signer to come.
    /// @param fromSize First size it signs.
    /// @param nonce The order's number.
    /// @return EIP-712 struct hash.
    function rotateSigner(bytes32 logId, address newSigner, uint64 fromSize, uint64 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ROTATE_SIGNER_TYPE, logId, newSigner, fromSize, nonce));
    }

    /// @notice Struct hash of a registrar's rotation.
    /// @param logId Identity of the log.
    /// @param newRegistrar The new registrar.
    /// @param nonce The order's number.
    /// @return EIP-712 struct hash.
    function rotateRegistrar(bytes32 logId, address newRegistrar, uint64 nonce)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ROTATE_REGISTRAR_TYPE, logId, newRegistrar, nonce));
    }

    /// @notice Struct hash of a pause.
    /// @param logId Identity of the log.
    /// @param until End, in Unix time.
    /// @param nonce The order's number.
    /// @return EIP-712 struct hash.
    function pause(bytes32 logId, uint64 until, uint64 nonce) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAUSE_TYPE, logId, until, nonce));
    }

    /// @dev EIP-712: keccak256(0x19 0x01 || domain separator || struct hash).
    function _digest(bytes32 domain, bytes32 structHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
