// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signatures} from "../src/Signatures.sol";
import {UnbrokenAnchor} from "../src/UnbrokenAnchor.sol";
import {ReferenceTree} from "./ReferenceTree.sol";
import {Vm} from "./Vm.sol";

/// @notice One log, its keys, and a contract to anchor it at.
abstract contract LogFixture {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant SIGNER_KEY = 0xA11CE;
    uint256 internal constant REGISTRAR_KEY = 0xB0B;
    uint256 internal constant OTHER_KEY = 0xDEAD;
    bytes32 internal constant ED25519_KEY = bytes32(uint256(7));
    string internal constant ORIGIN = "test.example/log";

    UnbrokenAnchor internal _anchor;
    bytes32 internal _logId;
    ReferenceTree.Tree internal _tree;

    function mapRootAt(uint64 size) internal pure returns (bytes32) {
        return size == 0 ? bytes32(0) : keccak256(abi.encode("map", size));
    }

    function identityOf(address signer, address registrar) internal pure returns (bytes32) {
        return sha256(
            abi.encodePacked(
                "unbroken/log/v1",
                uint8(0),
                uint16(bytes(ORIGIN).length),
                ORIGIN,
                signer,
                registrar,
                ED25519_KEY
            )
        );
    }

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function headSignature(uint256 key, uint64 size, bytes32 root, bytes32 mapRoot)
        internal
        view
        returns (bytes memory)
    {
        return signed(key, Signatures.headDigest(_logId, size, root, mapRoot));
    }

    /// @dev The digest of an order to a contract on a chain, written from the EIP.
    function orderDigest(uint256 chain, address target, bytes32 structHash)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Unbroken Anchor"),
                keccak256("1"),
                chain,
                target
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    function order(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        return signed(key, orderDigest(block.chainid, address(_anchor), structHash));
    }

    function openLog(uint64 size) internal {
        _anchor = new UnbrokenAnchor();
        _logId = identityOf(vm.addr(SIGNER_KEY), vm.addr(REGISTRAR_KEY));
        bytes32 root = ReferenceTree.root(_tree, size);
        bytes32 mapRoot = mapRootAt(size);
        _anchor.genesis(
            _logId,
            ORIGIN,
            vm.addr(SIGNER_KEY),
            vm.addr(REGISTRAR_KEY),
            ED25519_KEY,
            size,
            root,
            mapRoot,
            headSignature(SIGNER_KEY, size, root, mapRoot)
        );
    }

    function anchorTo(uint256 key, uint64 newSize) internal {
        (uint64 oldSize,,) = _anchor.head(_logId);
        anchorFrom(key, oldSize, newSize);
    }

    function anchorFrom(uint256 key, uint64 oldSize, uint64 newSize) internal {
        bytes32 root = ReferenceTree.root(_tree, newSize);
        bytes32 mapRoot = mapRootAt(newSize);
        bytes memory signature = headSignature(key, newSize, root, mapRoot);
        bytes32[] memory proof =
            oldSize < newSize ? ReferenceTree.proof(_tree, oldSize, newSize) : new bytes32[](0);
        _anchor.anchor(_logId, oldSize, newSize, root, mapRoot, proof, signature);
    }

    function commitment(uint64 size) internal view returns (bytes32) {
        return keccak256(abi.encode(ReferenceTree.root(_tree, size), mapRootAt(size)));
    }
}
