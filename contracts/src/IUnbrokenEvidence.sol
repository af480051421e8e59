// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IUnbrokenAnchor} from "./IUnbrokenAnchor.sol";

/// @title IUnbrokenEvidence
/// @notice Takes proofs that a key or a log contradicted itself, and remembers whom they convict.
/// @dev There is no owner, no proxy and no upgrade, and nobody's word counts: whatever is recorded
/// was proven by signatures alone, so anyone may send it. A second proof against the same key or
/// log changes nothing. Nothing is ever deleted.
///
/// EIP-712 type strings (heads are those of `IUnbrokenAnchor`):
/// - `EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)`, name
///   "Unbroken", version "1", with the chain and the home contract that the signers' log names in
///   its first entry: not this contract's, and not necessarily this chain's;
/// - `Submission(bytes32 logId,bytes32 entriesRoot,uint32 count,bytes32 docHash,uint64 issuedAt)`.
interface IUnbrokenEvidence {
    /// @notice One signed handoff, with the row in which it names the item.
    struct Handoff {
        /// @dev Log that the submission was made for. Plays no part in the comparison.
        bytes32 logId;
        /// @dev Salted hash of the document that was sent.
        bytes32 docHash;
        /// @dev The 268 bytes of the entry.
        bytes entry;
        /// @dev RFC 9162 inclusion path of the entry in the submission.
        bytes32[] path;
        /// @dev Signature of the submission, 65 bytes.
        bytes signature;
        /// @dev RFC 9162 inclusion path of the row in the entry's item tree.
        bytes32[] rowPath;
        /// @dev Salt of the item row that names the item.
        bytes16 salt;
        /// @dev Milliseconds since 1970, as signed. Plays no part in the comparison.
        uint64 issuedAt;
        /// @dev Number of entries that the signature covers.
        uint32 count;
        /// @dev Which of them this is, from 0.
        uint32 position;
        /// @dev Which of the entry's item rows names the item, from 0.
        uint32 rowIndex;
        /// @dev 0 epcList, 1 parentID, 2 childEPCs.
        uint8 role;
    }

    /// @notice One head of a log. An empty signature stands for one that is anchored.
    struct Head {
        /// @dev Number of leaves.
        uint64 size;
        /// @dev RFC 9162 tree hash at `size`.
        bytes32 root;
        /// @dev Root of the item map at `size`; zero means "no map".
        bytes32 mapRoot;
        /// @dev Head signature, 65 bytes; or none, and the head is one that the anchor recorded.
        bytes signature;
    }

    /// @notice A key signed two owners for one token of an item.
    /// @param signer The key.
    /// @param chainId Chain of the home contract that it signed for.
    /// @param home That contract.
    /// @param itemKey The item.
    /// @param spends The token.
    event KeyEquivocated(
        address indexed signer,
        uint256 indexed chainId,
        address indexed home,
        bytes32 itemKey,
        bytes32 spends
    );

    /// @notice A log's heads contradict each other: it shows different people different histories.
    /// @param anchor The contract that says who signs the log's heads.
    /// @param logId Identity of the log.
    /// @param olderSize Size of the one head.
    /// @param newerSize Size of the other; the same for two heads of one size.
    event LogEquivocated(
        address indexed anchor, bytes32 indexed logId, uint64 olderSize, uint64 newerSize
    );

    /// @notice The entry is not a handoff to an owner, as the log would have taken it.
    /// @param place 0 for the first handoff, 1 for the second.
    error NotAHandoff(uint256 place);

    /// @notice The entry is not in the submission that was signed, or was not signed by its signer.
    /// @param place 0 for the first handoff, 1 for the second.
    error NotSigned(uint256 place);

    /// @notice The entry does not name the item with the token in that row.
    /// @param place 0 for the first handoff, 1 for the second.
    error NotNamed(uint256 place);

    /// @notice A token of zero claims nothing.
    error NoClaim();

    /// @notice Two keys signed the two handoffs.
    error TwoKeys();

    /// @notice Both handoffs are to one owner: a retry, or the same sale signed anew.
    error SameOwner();

    /// @notice The log is unknown to the anchor, or has no signer at that size.
    /// @param logId Identity of the log.
    error UnknownLog(bytes32 logId);

    /// @notice The head is neither signed by the signer due at its size nor anchored.
    /// @param place 0 for the first or older head, 1 for the second or newer.
    error NotAHead(uint256 place);

    /// @notice The heads are not of one size, or not of two, as the proof needs it.
    /// @param first Size of the first or older head.
    /// @param second Size of the second or newer head.
    error WrongSizes(uint64 first, uint64 second);

    /// @notice The heads agree.
    error NoContradiction();

    /// @notice The proof does not lead from the root given to the newer head.
    error BadProof();

    /// @notice Records that a key signed two owners for one token.
    /// @dev Convicts if and only if both entries are handoffs to owners, the owners differ, one key
    /// signed both for one home, and both name the item with the same token, not zero. Times,
    /// possessors, logs, documents and everything else may differ or be the same.
    /// @param chainId Chain of the home contract in the signatures.
    /// @param home Home contract in the signatures.
    /// @param itemKey The item.
    /// @param spends The token.
    /// @param first One handoff.
    /// @param second The other.
    function proveDoubleSpend(
        uint256 chainId,
        address home,
        bytes32 itemKey,
        bytes32 spends,
        Handoff calldata first,
        Handoff calldata second
    ) external;

    /// @notice Records that a log signed two heads of one size.
    /// @param anchor Contract that says who signs the log's heads.
    /// @param logId Identity of the log.
    /// @param first One head.
    /// @param second The other.
    function proveTwoHeads(
        IUnbrokenAnchor anchor,
        bytes32 logId,
        Head calldata first,
        Head calldata second
    ) external;

    /// @notice Records that a log's newer head does not contain its older one.
    /// @param anchor Contract that says who signs the log's heads, and which are anchored.
    /// @param logId Identity of the log.
    /// @param older The smaller head.
    /// @param newer The larger head.
    /// @param root Tree hash that the newer tree has at the older size.
    /// @param proof RFC 9162 consistency proof from there to the newer head.
    function proveFork(
        IUnbrokenAnchor anchor,
        bytes32 logId,
        Head calldata older,
        Head calldata newer,
        bytes32 root,
        bytes32[] calldata proof
    ) external;

    /// @notice Block in which a key was first convicted; 0 when it was not.
    /// @param signer The key.
    /// @param chainId Chain of the home contract that it signs for.
    /// @param home That contract.
    /// @return number Number of the block.
    function keyEquivocatedAt(address signer, uint256 chainId, address home)
        external
        view
        returns (uint256 number);

    /// @notice Block in which a log was first convicted; 0 when it was not.
    /// @param anchor Contract that says who signs the log's heads.
    /// @param logId Identity of the log.
    /// @return number Number of the block.
    function logEquivocatedAt(IUnbrokenAnchor anchor, bytes32 logId)
        external
        view
        returns (uint256 number);
}
