// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IUnbrokenEvidence} from "../src/IUnbrokenEvidence.sol";
import {LogFixture} from "./LogFixture.sol";
import {ReferenceTree} from "./ReferenceTree.sol";

/// @notice Signed handoffs, written from docs/spec: entry.md, event.md, submission.md.
abstract contract HandoffFixture is LogFixture {
    uint256 internal constant HOME_CHAIN = 7;
    address internal constant HOME = address(0x4F2E);
    bytes32 internal constant ITEM = keccak256("item");
    bytes32 internal constant TOKEN = keccak256("token");
    bytes32 internal constant BUYER = keccak256("buyer");
    bytes32 internal constant OTHER = keccak256("other");

    /// @dev What a handoff is made of; every test changes one thing.
    struct Sale {
        uint256 key;
        address signer;
        bytes32 toOwner;
        bytes32 itemKey;
        bytes32 spends;
        uint8 role;
        uint8 op;
        uint64 time;
        bytes32 logId;
        uint256 chainId;
        address home;
        uint32 entries;
        uint32 position;
        uint32 rows;
        uint32 rowIndex;
        bytes32 party;
        bytes32 onBehalf;
    }

    function saleTo(bytes32 owner) internal pure returns (Sale memory) {
        return Sale({
            key: OTHER_KEY,
            signer: vm.addr(OTHER_KEY),
            toOwner: owner,
            itemKey: ITEM,
            spends: TOKEN,
            role: 0,
            op: 3,
            time: 1,
            logId: bytes32(uint256(1)),
            chainId: HOME_CHAIN,
            home: HOME,
            entries: 1,
            position: 0,
            rows: 1,
            rowIndex: 0,
            party: keccak256("party"),
            onBehalf: keccak256("party")
        });
    }

    function handoffOf(Sale memory sale)
        internal
        pure
        returns (IUnbrokenEvidence.Handoff memory h)
    {
        h.logId = sale.logId;
        h.count = sale.entries;
        h.position = sale.position;
        h.docHash = keccak256(abi.encode("document", sale.toOwner));
        h.issuedAt = sale.time;
        h.rowIndex = sale.rowIndex;
        h.salt = bytes16(keccak256("salt"));
        h.role = sale.role;
        bytes32 itemsRoot;
        (itemsRoot, h.rowPath) = tree(rowLeaf(sale, h.salt), sale.rowIndex, sale.rows);
        h.entry = entryOf(sale, itemsRoot);
        bytes32 entriesRoot;
        (entriesRoot, h.path) =
            tree(sha256(abi.encodePacked(uint8(0), h.entry)), sale.position, sale.entries);
        h.signature = signed(sale.key, submissionDigest(sale, h, entriesRoot));
    }

    function rowLeaf(Sale memory sale, bytes16 salt) internal pure returns (bytes32) {
        return
            sha256(abi.encodePacked(uint8(0), "UIR1", salt, sale.role, sale.itemKey, sale.spends));
    }

    function entryOf(Sale memory sale, bytes32 itemsRoot) internal pure returns (bytes memory) {
        bytes memory head =
            abi.encodePacked("UBE1", uint8(1), sale.op, uint8(0), uint8(0), sale.time, sale.signer);
        bytes memory parties =
            abi.encodePacked(sale.party, sale.onBehalf, sale.toOwner, bytes32(0), bytes32(0));
        return bytes.concat(
            head, parties, abi.encodePacked(uint32(1), keccak256("rows"), sale.rows, itemsRoot)
        );
    }

    function submissionDigest(
        Sale memory sale,
        IUnbrokenEvidence.Handoff memory h,
        bytes32 entriesRoot
    ) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Unbroken"),
                keccak256("1"),
                sale.chainId,
                sale.home
            )
        );
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Submission(bytes32 logId,bytes32 entriesRoot,uint32 count,bytes32 docHash,uint64 issuedAt)"
                ),
                sale.logId,
                entriesRoot,
                h.count,
                h.docHash,
                h.issuedAt
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    /// @dev Root and inclusion path of `leaf` at `index`; RFC 9162 section 2.1.3.1, recursive.
    function tree(bytes32 leaf, uint32 index, uint32 size)
        internal
        pure
        returns (bytes32 root, bytes32[] memory path)
    {
        return subtree(leaf, index, 0, size);
    }

    function subtree(bytes32 leaf, uint32 index, uint32 start, uint32 end)
        private
        pure
        returns (bytes32 root, bytes32[] memory path)
    {
        if (end - start == 1) {
            return (start == index ? leaf : stranger(start), new bytes32[](0));
        }
        uint32 middle = start + uint32(ReferenceTree.split(end - start));
        (bytes32 left, bytes32[] memory leftPath) = subtree(leaf, index, start, middle);
        (bytes32 right, bytes32[] memory rightPath) = subtree(leaf, index, middle, end);
        root = sha256(abi.encodePacked(uint8(1), left, right));
        path = index < middle
            ? ReferenceTree.append(leftPath, right)
            : ReferenceTree.append(rightPath, left);
    }

    function stranger(uint32 index) private pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0), "stranger", index));
    }
}
