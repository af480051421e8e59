// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IUnbrokenAnchor
/// @notice Keeps, for any number of transparency logs, the last signed head and one record per
/// anchored size. A head is accepted only when it provably extends the last one (RFC 9162).
/// @dev There is no owner, no proxy and no upgrade. Nobody, whatever they sign, can change or
/// delete a record. Anyone may send any transaction: authority is in the signatures alone.
///
/// Two EIP-712 domains are used on purpose:
/// - heads: `EIP712Domain(string name,string version)`, name "Unbroken Log", version "1", so that
///   one signed head serves every chain;
/// - orders of the registrar: `EIP712Domain(string name,string version,uint256 chainId,
///   address verifyingContract)`, name "Unbroken Anchor", version "1", so that an order is valid
///   at one contract on one chain only.
///
/// Type strings:
/// - `Head(bytes32 logId,uint64 size,bytes32 root,bytes32 mapRoot)`
/// - `RotateSigner(bytes32 logId,address newSigner,uint64 fromSize,uint64 nonce)`
/// - `RotateRegistrar(bytes32 logId,address newRegistrar,uint64 nonce)`
/// - `Pause(bytes32 logId,uint64 until,uint64 nonce)`
///
/// Every signature is 65 bytes r || s || v with v 27 or 28 and s in the lower half of the order.
/// EIP-2098 and EIP-1271 signatures are refused: neither can be checked offline the same way.
interface IUnbrokenAnchor {
    /// @notice A log was opened; `Anchored` with oldSize 0 follows.
    /// @param logId Identity of the log.
    /// @param origin Origin line of the log's checkpoints.
    /// @param headSigner First signer of heads.
    /// @param registrar First registrar.
    /// @param ed25519PublicKey Key of the log's C2SP checkpoints.
    event LogOpened(
        bytes32 indexed logId,
        string origin,
        address headSigner,
        address registrar,
        bytes32 ed25519PublicKey
    );

    /// @notice A head was accepted and recorded.
    /// @param logId Identity of the log.
    /// @param size Number of leaves.
    /// @param root RFC 9162 tree hash at `size`.
    /// @param mapRoot Root of the item map at `size`; zero means "no map".
    /// @param oldSize Size of the head that this one extends; 0 for the first.
    event Anchored(
        bytes32 indexed logId, uint64 indexed size, bytes32 root, bytes32 mapRoot, uint64 oldSize
    );

    /// @notice Heads of `fromSize` and more leaves need the signature of `newSigner`.
    /// @param logId Identity of the log.
    /// @param newSigner The signer to come.
    /// @param fromSize First size it signs.
    event SignerRotated(bytes32 indexed logId, address indexed newSigner, uint64 fromSize);

    /// @notice Orders need the signature of `newRegistrar` from now on.
    /// @param logId Identity of the log.
    /// @param newRegistrar The new registrar.
    event RegistrarRotated(bytes32 indexed logId, address indexed newRegistrar);

    /// @notice Anchoring rests until `until`.
    /// @param logId Identity of the log.
    /// @param until First second, in Unix time, at which heads are accepted again.
    event Paused(bytes32 indexed logId, uint64 until);

    /// @notice No log with this identity was opened here.
    /// @param logId The identity asked for.
    error UnknownLog(bytes32 logId);

    /// @notice The log is open already.
    /// @param logId The identity given.
    error LogExists(bytes32 logId);

    /// @notice The identity is not the hash of the values it must commit to.
    /// @param expected The identity those values have.
    error LogIdMismatch(bytes32 expected);

    /// @notice The origin is empty or longer than 65,535 bytes.
    error BadOrigin();

    /// @notice An address that must be somebody's is zero.
    error ZeroAddress();

    /// @notice The head named as the old one is not the last one.
    /// @param actual Size of the last head.
    error StaleOldSize(uint64 actual);

    /// @notice A head must have more leaves than the last one.
    /// @param oldSize Size of the last head.
    /// @param newSize Size proposed.
    error NotGrowing(uint64 oldSize, uint64 newSize);

    /// @notice The proof does not lead from the last root to the new one.
    error InconsistentHead();

    /// @notice The signature is malformed or not by the signer that is due.
    error BadSignature();

    /// @notice Anchoring rests.
    /// @param until First second at which heads are accepted again.
    error AnchoringPaused(uint64 until);

    /// @notice A pause must end in the future, and not after `latest`.
    /// @param latest Last end allowed, in Unix time.
    error BadPauseEnd(uint64 latest);

    /// @notice A new signer can be set only for sizes that have no head yet.
    /// @param size Size of the last head.
    error FromSizeNotAhead(uint64 size);

    /// @notice The order was used, or is out of turn.
    /// @param expected The nonce that is due.
    error WrongNonce(uint64 expected);

    /// @notice Opens a log with its first head. Possible once per identity.
    /// @dev logId = sha256("unbroken/log/v1\0" || u16 length of origin || origin || headSigner ||
    /// registrar || ed25519PublicKey), so that nobody can take an identity whose keys they lack.
    /// @param logId Identity of the log.
    /// @param origin Origin line of the log's checkpoints, 1 to 65,535 bytes.
    /// @param headSigner First signer of heads.
    /// @param registrar First registrar.
    /// @param ed25519PublicKey Key of the log's C2SP checkpoints.
    /// @param size Number of leaves, at least 1.
    /// @param root RFC 9162 tree hash at `size`.
    /// @param mapRoot Root of the item map at `size`; zero means "no map".
    /// @param signature Head signature by `headSigner`.
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
    ) external;

    /// @notice Accepts a head that extends the last one, and records it for ever.
    /// @dev The contract cannot check `mapRoot`, a function of the whole log; it binds it to the
    /// record, so that a wrong one is provable later.
    /// @param logId Identity of the log.
    /// @param oldSize Size of the last head; anything else reverts with StaleOldSize.
    /// @param newSize Number of leaves of the new head.
    /// @param root RFC 9162 tree hash at `newSize`.
    /// @param mapRoot Root of the item map at `newSize`; zero means "no map".
    /// @param proof RFC 9162 consistency proof from `oldSize` to `newSize`.
    /// @param signature Head signature by the signer due at `newSize`.
    function anchor(
        bytes32 logId,
        uint64 oldSize,
        uint64 newSize,
        bytes32 root,
        bytes32 mapRoot,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external;

    /// @notice Sets who signs heads of `fromSize` and more leaves.
    /// @dev Replaces a rotation that has not come into force. Who signs up to the last head's size
    /// never changes. When a stolen signer key races the rotation, pause first.
    /// @param logId Identity of the log.
    /// @param newSigner The signer to come.
    /// @param fromSize First size it signs, more than the last head's.
    /// @param nonce The order's number.
    /// @param signature `RotateSigner` signature by the registrar.
    function rotateSigner(
        bytes32 logId,
        address newSigner,
        uint64 fromSize,
        uint64 nonce,
        bytes calldata signature
    ) external;

    /// @notice Hands the registrar's office over.
    /// @param logId Identity of the log.
    /// @param newRegistrar The new registrar.
    /// @param nonce The order's number.
    /// @param signature `RotateRegistrar` signature by the outgoing registrar.
    function rotateRegistrar(
        bytes32 logId,
        address newRegistrar,
        uint64 nonce,
        bytes calldata signature
    ) external;

    /// @notice Stops anchoring until `until`, at most seven days; nothing else is stopped.
    /// @dev Ends by itself, and cannot be extended while it lasts.
    /// @param logId Identity of the log.
    /// @param until First second, in Unix time, at which heads are accepted again.
    /// @param nonce The order's number.
    /// @param signature `Pause` signature by the registrar.
    function pause(bytes32 logId, uint64 until, uint64 nonce, bytes calldata signature) external;

    /// @notice What was anchored at a size: keccak256(abi.encode(root, mapRoot)), or zero.
    /// @dev Storage slot, for eth_getProof at any later block:
    /// keccak256(abi.encode(size, keccak256(abi.encode(logId, 0)))), all words of 32 bytes.
    /// @param logId Identity of the log.
    /// @param size Number of leaves.
    /// @return The commitment; zero when no head of that size was anchored.
    function record(bytes32 logId, uint64 size) external view returns (bytes32);

    /// @notice The last head; all zero for a log that is not open.
    /// @param logId Identity of the log.
    /// @return size Number of leaves.
    /// @return root RFC 9162 tree hash.
    /// @return mapRoot Root of the item map.
    function head(bytes32 logId) external view returns (uint64 size, bytes32 root, bytes32 mapRoot);

    /// @notice Who signs heads of a size. Settled up to the last head's size, a plan beyond it.
    /// @param logId Identity of the log.
    /// @param size Number of leaves.
    /// @return The signer; zero for a log that is not open.
    function signerAt(bytes32 logId, uint64 size) external view returns (address);

    /// @notice Who signs orders.
    /// @param logId Identity of the log.
    /// @return The registrar; zero for a log that is not open.
    function registrarOf(bytes32 logId) external view returns (address);

    /// @notice The number that the registrar's next order must carry.
    /// @param logId Identity of the log.
    /// @return The nonce.
    function nonceOf(bytes32 logId) external view returns (uint64);

    /// @notice When the last pause ends or ended; zero when there was none.
    /// @param logId Identity of the log.
    /// @return Unix time in seconds.
    function pausedUntil(bytes32 logId) external view returns (uint64);
}
