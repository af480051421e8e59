// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IUnbrokenEvidence} from "./IUnbrokenEvidence.sol";
import {InclusionProof} from "./InclusionProof.sol";
import {Signatures} from "./Signatures.sol";

/// @title Handoffs
/// @notice Reads the signed entries of handoffs (docs/spec/entry.md, event.md and submission.md).
library Handoffs {
    /// @notice Hash of `EIP712Domain(string name,string version,uint256 chainId,
    /// address verifyingContract)` without the line break and the space.
    bytes32 internal constant DOMAIN_TYPE = Signatures.ORDER_DOMAIN_TYPE;

    /// @notice Hash of `Unbroken`.
    bytes32 internal constant DOMAIN_NAME =
        0x6e2118fa3a8c4997029271f3d5c8c137e6b667c0b6a50ef62f716dc7ef91e8a0;

    /// @notice Hash of `Submission(bytes32 logId,bytes32 entriesRoot,uint32 count,bytes32 docHash,
    /// uint64 issuedAt)` without the line break and the space.
    bytes32 internal constant SUBMISSION_TYPE =
        0x7f7f39d8e628e543b20a3702c79b0d57744c96c7c5c41ea64dad39cedca5738d;

    /// @dev Bytes of an event entry.
    uint256 private constant _LENGTH = 268;

    /// @dev "UBE1", kind 1 (event), op 3 (HANDOFF).
    bytes6 private constant _HEAD = 0x554245310103;

    /// @dev Flags an entry may carry: an error declaration, an unpack of everything.
    uint8 private constant _FLAGS = 3;

    /// @notice Domain separator of submissions to a home contract.
    /// @param chainId Its chain.
    /// @param home Its address.
    /// @return EIP-712 domain separator.
    function domainOf(uint256 chainId, address home) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPE, DOMAIN_NAME, Signatures.ORDER_DOMAIN_VERSION, chainId, home)
        );
    }

    /// @notice Whether the entry is a handoff to an owner, in the form that a log takes.
    /// @param entry The entry.
    /// @return True when it is.
    function isHandoff(bytes calldata entry) internal pure returns (bool) {
        if (entry.length != _LENGTH || bytes6(entry[0:6]) != _HEAD) return false;
        if (uint8(entry[6]) > _FLAGS || entry[7] != 0) return false;
        // A party signs for itself alone: an entry for another one is in no log.
        bytes32 party = bytes32(entry[36:68]);
        if (party == 0 || party != bytes32(entry[68:100])) return false;
        // A handoff refers to nothing, has at least one row, and here names at least one item.
        if (bytes32(entry[164:196]) != 0 || bytes4(entry[196:200]) == 0) return false;
        return toOwner(entry) != 0 && bytes4(entry[232:236]) != 0;
    }

    /// @notice Address that the entry names as its signer.
    /// @param entry An event entry.
    /// @return The address.
    function signerOf(bytes calldata entry) internal pure returns (address) {
        return address(bytes20(entry[16:36]));
    }

    /// @notice Party that becomes the owner; zero for none.
    /// @param entry An event entry.
    /// @return Key of the party.
    function toOwner(bytes calldata entry) internal pure returns (bytes32) {
        return bytes32(entry[100:132]);
    }

    /// @notice Whether the entry's signer signed the submission that it is in.
    /// @param handoff The handoff, whose entry is well-formed.
    /// @param domain Domain separator of the submission.
    /// @return True when it did.
    function isSigned(IUnbrokenEvidence.Handoff calldata handoff, bytes32 domain)
        internal
        pure
        returns (bool)
    {
        bytes32 root = InclusionProof.rootFrom(
            sha256(abi.encodePacked(bytes1(0x00), handoff.entry)),
            handoff.position,
            handoff.count,
            handoff.path
        );
        if (root == 0) return false;
        bytes32 structHash = keccak256(
            abi.encode(
                SUBMISSION_TYPE,
                handoff.logId,
                root,
                handoff.count,
                handoff.docHash,
                handoff.issuedAt
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, structHash));
        return Signatures.isBy(signerOf(handoff.entry), digest, handoff.signature);
    }

    /// @notice Whether the entry names an item with a token, in a role in which tokens are spent.
    /// @param handoff The handoff, whose entry is well-formed.
    /// @param itemKey The item.
    /// @param spends The token.
    /// @return True when it does.
    function isNaming(IUnbrokenEvidence.Handoff calldata handoff, bytes32 itemKey, bytes32 spends)
        internal
        pure
        returns (bool)
    {
        if (handoff.role > 2) return false;
        bytes32 leafHash = sha256(
            abi.encodePacked(bytes1(0x00), "UIR1", handoff.salt, handoff.role, itemKey, spends)
        );
        uint32 rows = uint32(bytes4(handoff.entry[232:236]));
        bytes32 root = InclusionProof.rootFrom(leafHash, handoff.rowIndex, rows, handoff.rowPath);
        return root != 0 && root == bytes32(handoff.entry[236:268]);
    }
}
