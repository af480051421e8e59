// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IUnbrokenAnchor} from "../src/IUnbrokenAnchor.sol";
import {Signatures} from "../src/Signatures.sol";
import {UnbrokenAnchor} from "../src/UnbrokenAnchor.sol";
import {LogFixture} from "./LogFixture.sol";
import {ReferenceTree} from "./ReferenceTree.sol";

/// @notice Genesis, anchoring and the form of signatures.
contract UnbrokenAnchorTest is LogFixture {
    function setUp() public {
        openLog(3);
    }

    function test_typeHashesAreThoseOfTheirText() public pure {
        bytes32 headDomain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version)"),
                keccak256("Unbroken Log"),
                keccak256("1")
            )
        );
        assert(Signatures.HEAD_DOMAIN == headDomain);
        assert(
            Signatures.HEAD_TYPE
                == keccak256("Head(bytes32 logId,uint64 size,bytes32 root,bytes32 mapRoot)")
        );
        assert(Signatures.ORDER_DOMAIN_NAME == keccak256("Unbroken Anchor"));
        assert(Signatures.ORDER_DOMAIN_VERSION == keccak256("1"));
        assert(
            Signatures.ORDER_DOMAIN_TYPE
                == keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                )
        );
        assert(
            Signatures.ROTATE_SIGNER_TYPE
                == keccak256(
                    "RotateSigner(bytes32 logId,address newSigner,uint64 fromSize,uint64 nonce)"
                )
        );
        assert(
            Signatures.ROTATE_REGISTRAR_TYPE
                == keccak256("RotateRegistrar(bytes32 logId,address newRegistrar,uint64 nonce)")
        );
        assert(Signatures.PAUSE_TYPE == keccak256("Pause(bytes32 logId,uint64 until,uint64 nonce)"));
    }

    function test_genesisOpensTheLog() public view {
        (uint64 size, bytes32 root, bytes32 mapRoot) = _anchor.head(_logId);
        assert(size == 3 && root == ReferenceTree.root(_tree, 3) && mapRoot == mapRootAt(3));
        assert(_anchor.record(_logId, 3) == commitment(3));
        assert(_anchor.signerAt(_logId, 1) == vm.addr(SIGNER_KEY));
        assert(_anchor.signerAt(_logId, type(uint64).max) == vm.addr(SIGNER_KEY));
        assert(_anchor.registrarOf(_logId) == vm.addr(REGISTRAR_KEY));
        assert(_anchor.nonceOf(_logId) == 0 && _anchor.pausedUntil(_logId) == 0);
    }

    function test_unknownLogIsAllZero() public {
        bytes32 unknown = bytes32(uint256(1));
        (uint64 size, bytes32 root, bytes32 mapRoot) = _anchor.head(unknown);
        assert(size == 0 && root == 0 && mapRoot == 0 && _anchor.record(unknown, 3) == 0);
        assert(_anchor.signerAt(unknown, 3) == address(0));
        assert(_anchor.registrarOf(unknown) == address(0));
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.UnknownLog.selector, unknown));
        _anchor.anchor(unknown, 0, 1, 0, 0, new bytes32[](0), "");
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.UnknownLog.selector, unknown));
        _anchor.pause(unknown, 1, 0, "");
    }

    function test_genesisHappensOnce() public {
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.LogExists.selector, _logId));
        this.tryGenesis(ORIGIN, vm.addr(SIGNER_KEY), vm.addr(REGISTRAR_KEY), 4, SIGNER_KEY);
    }

    function test_genesisNeedsTheValuesOfTheIdentity() public {
        UnbrokenAnchor fresh = new UnbrokenAnchor();
        _anchor = fresh;
        address squatter = vm.addr(OTHER_KEY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IUnbrokenAnchor.LogIdMismatch.selector, identityOf(squatter, vm.addr(REGISTRAR_KEY))
            )
        );
        this.tryGenesis(ORIGIN, squatter, vm.addr(REGISTRAR_KEY), 4, OTHER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadOrigin.selector));
        this.tryGenesis("", vm.addr(SIGNER_KEY), vm.addr(REGISTRAR_KEY), 4, SIGNER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadOrigin.selector));
        this.tryGenesis(
            string(new bytes(65_536)), vm.addr(SIGNER_KEY), vm.addr(REGISTRAR_KEY), 4, SIGNER_KEY
        );
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.ZeroAddress.selector));
        this.tryGenesis(ORIGIN, address(0), vm.addr(REGISTRAR_KEY), 4, SIGNER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.ZeroAddress.selector));
        this.tryGenesis(ORIGIN, vm.addr(SIGNER_KEY), address(0), 4, SIGNER_KEY);
    }

    function test_genesisNeedsASignedHeadThatIsNotEmpty() public {
        _anchor = new UnbrokenAnchor();
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
        this.tryGenesis(ORIGIN, vm.addr(SIGNER_KEY), vm.addr(REGISTRAR_KEY), 4, REGISTRAR_KEY);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.NotGrowing.selector, 0, 0));
        this.tryGenesis(ORIGIN, vm.addr(SIGNER_KEY), vm.addr(REGISTRAR_KEY), 0, SIGNER_KEY);
    }

    function test_anybodyMaySendAHeadThatExtends() public {
        bytes32 root = ReferenceTree.root(_tree, 8);
        bytes memory signature = headSignature(SIGNER_KEY, 8, root, 0);
        bytes32[] memory proof = ReferenceTree.proof(_tree, 3, 8);
        vm.expectEmit();
        emit IUnbrokenAnchor.Anchored(_logId, 8, root, 0, 3);
        vm.prank(address(0xCAFE));
        _anchor.anchor(_logId, 3, 8, root, 0, proof, signature);
        (uint64 size, bytes32 head, bytes32 mapRoot) = _anchor.head(_logId);
        assert(size == 8 && head == root && mapRoot == 0);
        assert(_anchor.record(_logId, 8) == keccak256(abi.encode(root, bytes32(0))));
        assert(_anchor.record(_logId, 3) == commitment(3));
    }

    function test_oldSizeMustBeTheHead() public {
        anchorTo(SIGNER_KEY, 8);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.StaleOldSize.selector, 8));
        this.tryAnchorFrom(SIGNER_KEY, 3, 9);
    }

    function test_headMustGrow() public {
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.NotGrowing.selector, 3, 3));
        this.tryAnchorFrom(SIGNER_KEY, 3, 3);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.NotGrowing.selector, 3, 2));
        this.tryAnchorFrom(SIGNER_KEY, 3, 2);
    }

    function test_signerAloneDecides() public {
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
        this.tryAnchorFrom(REGISTRAR_KEY, 3, 5);
    }

    function testFuzz_everyExtensionIsAccepted(uint8 first, uint8 batch, uint8 second) public {
        uint64 a = 1 + first % 100;
        uint64 b = a + 1 + batch % 60;
        uint64 c = b + 1 + second % 60;
        openLog(a);
        anchorTo(SIGNER_KEY, b);
        anchorTo(SIGNER_KEY, c);
        assert(_anchor.record(_logId, a) == commitment(a));
        assert(_anchor.record(_logId, b) == commitment(b));
        assert(_anchor.record(_logId, c) == commitment(c));
    }

    /// forge-config: default.fuzz.runs = 512
    function testFuzz_forkIsRefused(uint8 first, uint8 batch, uint8 place) public {
        uint64 a = 1 + first % 60;
        uint64 b = a + 1 + batch % 60;
        openLog(a);
        ReferenceTree.Tree memory forked = ReferenceTree.Tree({forkAt: place % a, fork: 1});
        bytes32 root = ReferenceTree.root(forked, b);
        bytes32[] memory proof = ReferenceTree.proof(forked, a, b);
        bytes memory signature = headSignature(SIGNER_KEY, b, root, 0);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.InconsistentHead.selector));
        _anchor.anchor(_logId, a, b, root, 0, proof, signature);
    }

    /// forge-config: default.fuzz.runs = 512
    function testFuzz_damagedProofIsRefused(uint8 first, uint8 batch, uint8 place, uint8 bit)
        public
    {
        uint64 a = 1 + first % 60;
        uint64 b = a + 1 + batch % 60;
        openLog(a);
        bytes32[] memory proof = ReferenceTree.proof(_tree, a, b);
        proof[place % proof.length] ^= bytes32(uint256(1) << bit);
        _expectInconsistent(a, b, proof);
    }

    function testFuzz_proofOfWrongLengthIsRefused(uint8 first, uint8 batch, bytes32 extra) public {
        uint64 a = 1 + first % 60;
        uint64 b = a + 1 + batch % 60;
        openLog(a);
        bytes32[] memory proof = ReferenceTree.proof(_tree, a, b);
        _expectInconsistent(a, b, ReferenceTree.append(proof, extra));
        bytes32[] memory shorter = new bytes32[](proof.length - 1);
        for (uint256 i = 0; i < shorter.length; ++i) {
            shorter[i] = proof[i];
        }
        _expectInconsistent(a, b, shorter);
    }

    function test_secondFormsOfASignatureAreRefused() public {
        bytes32 root = ReferenceTree.root(_tree, 5);
        bytes32 digest = Signatures.headDigest(_logId, 5, root, 0);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, digest);
        bytes32 order_ = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes32 highS = bytes32(uint256(order_) - uint256(s));
        bytes32 compact = v == 28 ? s | bytes32(uint256(1) << 255) : s;
        bytes[6] memory forms = [
            abi.encodePacked(r, highS, v == 27 ? uint8(28) : uint8(27)),
            abi.encodePacked(r, s, v - 27),
            abi.encodePacked(r, s, v, uint8(0)),
            abi.encodePacked(r, compact),
            abi.encodePacked(bytes32(0), bytes32(0), uint8(27)),
            bytes("")
        ];
        bytes32[] memory proof = ReferenceTree.proof(_tree, 3, 5);
        for (uint256 i = 0; i < forms.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.BadSignature.selector));
            _anchor.anchor(_logId, 3, 5, root, 0, proof, forms[i]);
        }
        _anchor.anchor(_logId, 3, 5, root, 0, proof, abi.encodePacked(r, s, v));
    }

    function test_recordLiesInTheSlotThatIsDocumented() public view {
        bytes32 inner = keccak256(abi.encode(_logId, uint256(0)));
        bytes32 slot = keccak256(abi.encode(uint256(3), inner));
        assert(vm.load(address(_anchor), slot) == commitment(3));
    }

    function test_logsDoNotTouchEachOther() public {
        bytes32 first = _logId;
        UnbrokenAnchor shared = _anchor;
        _logId = identityOf(vm.addr(OTHER_KEY), vm.addr(REGISTRAR_KEY));
        this.tryGenesis(ORIGIN, vm.addr(OTHER_KEY), vm.addr(REGISTRAR_KEY), 9, OTHER_KEY);
        (uint64 size,,) = shared.head(first);
        assert(size == 3 && shared.record(first, 9) == 0);
        (size,,) = shared.head(_logId);
        assert(size == 9);
    }

    function tryGenesis(
        string memory origin,
        address signer,
        address registrar,
        uint64 size,
        uint256 key
    ) external {
        _genesis(origin, signer, registrar, size, key);
    }

    function tryAnchorFrom(uint256 key, uint64 oldSize, uint64 newSize) external {
        anchorFrom(key, oldSize, newSize);
    }

    function _expectInconsistent(uint64 a, uint64 b, bytes32[] memory proof) private {
        bytes32 root = ReferenceTree.root(_tree, b);
        bytes memory signature = headSignature(SIGNER_KEY, b, root, 0);
        vm.expectRevert(abi.encodeWithSelector(IUnbrokenAnchor.InconsistentHead.selector));
        _anchor.anchor(_logId, a, b, root, 0, proof, signature);
    }

    function _genesis(
        string memory origin,
        address signer,
        address registrar,
        uint64 size,
        uint256 key
    ) private {
        bytes32 root = size == 0 ? bytes32(0) : ReferenceTree.root(_tree, size);
        bytes memory signature = signed(key, Signatures.headDigest(_logId, size, root, 0));
        _anchor.genesis(_logId, origin, signer, registrar, ED25519_KEY, size, root, 0, signature);
    }
}
