// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Handoffs} from "../src/Handoffs.sol";
import {IUnbrokenEvidence} from "../src/IUnbrokenEvidence.sol";
import {UnbrokenEvidence} from "../src/UnbrokenEvidence.sol";
import {HandoffFixture} from "./HandoffFixture.sol";

/// @notice Who is convicted of selling twice, and who never is.
contract UnbrokenEvidenceTest is HandoffFixture {
    UnbrokenEvidence private _evidence;

    function setUp() public {
        _evidence = new UnbrokenEvidence();
    }

    function test_typeHashesAreThoseOfTheirText() public pure {
        assert(Handoffs.DOMAIN_NAME == keccak256("Unbroken"));
        assert(
            Handoffs.DOMAIN_TYPE
                == keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                )
        );
        assert(
            Handoffs.SUBMISSION_TYPE
                == keccak256(
                    "Submission(bytes32 logId,bytes32 entriesRoot,uint32 count,bytes32 docHash,uint64 issuedAt)"
                )
        );
    }

    function test_twoOwnersForOneTokenConvict() public {
        vm.expectEmit();
        emit IUnbrokenEvidence.KeyEquivocated(vm.addr(OTHER_KEY), HOME_CHAIN, HOME, ITEM, TOKEN);
        prove(saleTo(BUYER), saleTo(OTHER));
        assert(convictedAt() == block.number);
    }

    function test_aSecondProofChangesNothing() public {
        prove(saleTo(BUYER), saleTo(OTHER));
        uint256 first = convictedAt();
        vm.roll(block.number + 5);
        prove(saleTo(OTHER), saleTo(BUYER));
        assert(convictedAt() == first);
    }

    function test_anybodyMayProve() public {
        vm.prank(address(0xCAFE));
        prove(saleTo(BUYER), saleTo(OTHER));
        assert(convictedAt() != 0);
    }

    function test_aKeyIsConvictedForOneHomeOnly() public {
        prove(saleTo(BUYER), saleTo(OTHER));
        address key = vm.addr(OTHER_KEY);
        assert(_evidence.keyEquivocatedAt(key, HOME_CHAIN + 1, HOME) == 0);
        assert(_evidence.keyEquivocatedAt(key, HOME_CHAIN, address(1)) == 0);
        assert(_evidence.keyEquivocatedAt(vm.addr(SIGNER_KEY), HOME_CHAIN, HOME) == 0);
    }

    function test_oneOwnerConvictsNobody() public {
        Sale memory again = saleTo(BUYER);
        again.time = 2;
        refuses(saleTo(BUYER), again, abi.encodePacked(IUnbrokenEvidence.SameOwner.selector));
        refuses(
            saleTo(BUYER), saleTo(BUYER), abi.encodePacked(IUnbrokenEvidence.SameOwner.selector)
        );
    }

    function test_twoKeysConvictNobody() public {
        Sale memory sale = saleTo(OTHER);
        (sale.key, sale.signer) = (SIGNER_KEY, vm.addr(SIGNER_KEY));
        refuses(saleTo(BUYER), sale, abi.encodePacked(IUnbrokenEvidence.TwoKeys.selector));
    }

    function test_noClaimConvictsNobody() public {
        Sale memory one = saleTo(BUYER);
        Sale memory two = saleTo(OTHER);
        (one.spends, two.spends) = (0, 0);
        IUnbrokenEvidence.Handoff memory first = handoffOf(one);
        IUnbrokenEvidence.Handoff memory last = handoffOf(two);
        vm.expectRevert(abi.encodePacked(IUnbrokenEvidence.NoClaim.selector));
        this.call(HOME_CHAIN, HOME, ITEM, 0, first, last);
    }

    function test_anotherTokenItemOrRoleConvictsNobody() public {
        Sale memory sale = saleTo(OTHER);
        sale.spends = keccak256("voided");
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotNamed.selector));
        sale = saleTo(OTHER);
        sale.itemKey = keccak256("another item");
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotNamed.selector));
        for (uint8 role = 3; role < 6; ++role) {
            sale = saleTo(OTHER);
            sale.role = role;
            refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotNamed.selector));
        }
    }

    function test_onlyHandoffsToAnOwnerConvict() public {
        for (uint8 op = 0; op < 12; ++op) {
            if (op == 3) continue;
            Sale memory sale = saleTo(OTHER);
            sale.op = op;
            refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotAHandoff.selector));
        }
        refuses(saleTo(BUYER), saleTo(0), second(IUnbrokenEvidence.NotAHandoff.selector));
    }

    /// @dev Signed by its key, and yet in no log: a party signs for itself.
    function test_anEntryForAnotherPartyOrForNoneConvictsNobody() public {
        Sale memory sale = saleTo(OTHER);
        sale.onBehalf = keccak256("another party");
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotAHandoff.selector));
        (sale.party, sale.onBehalf) = (0, 0);
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotAHandoff.selector));
        (sale.party, sale.onBehalf) = (0, keccak256("party"));
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotAHandoff.selector));
    }

    function test_anotherHomeConvictsNobody() public {
        Sale memory sale = saleTo(OTHER);
        sale.chainId = HOME_CHAIN + 1;
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotSigned.selector));
        sale = saleTo(OTHER);
        sale.home = address(1);
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotSigned.selector));
    }

    function test_anEntryThatNamesAnotherSignerConvictsNobody() public {
        Sale memory sale = saleTo(OTHER);
        sale.key = SIGNER_KEY;
        refuses(saleTo(BUYER), sale, second(IUnbrokenEvidence.NotSigned.selector));
    }

    function test_logTimeAndPlaceInTheSubmissionNeverMatter() public {
        Sale memory sale = saleTo(OTHER);
        (sale.logId, sale.time, sale.entries, sale.position) = (bytes32(uint256(2)), 99, 7, 5);
        (sale.rows, sale.rowIndex, sale.role) = (11, 10, 2);
        prove(saleTo(BUYER), sale);
        assert(convictedAt() != 0);
    }

    function testFuzz_anyPlaceInAnyTreesConvicts(uint8 entries, uint8 place, uint8 rows, uint8 row)
        public
    {
        Sale memory sale = saleTo(OTHER);
        sale.entries = uint32(entries) % 40 + 1;
        sale.position = uint32(place) % sale.entries;
        sale.rows = uint32(rows) % 40 + 1;
        sale.rowIndex = uint32(row) % sale.rows;
        prove(saleTo(BUYER), sale);
        assert(convictedAt() != 0);
    }

    function testFuzz_aChangedByteOfTheEntryConvictsNobody(uint16 place, uint8 change) public {
        IUnbrokenEvidence.Handoff memory h = handoffOf(saleTo(OTHER));
        h.entry[place % h.entry.length] ^= bytes1(uint8(change % 255 + 1));
        assert(isRefused(h));
    }

    function testFuzz_aChangedByteOfTheSignatureConvictsNobody(uint8 place, uint8 change) public {
        IUnbrokenEvidence.Handoff memory h = handoffOf(saleTo(OTHER));
        h.signature[place % 65] ^= bytes1(uint8(change % 255 + 1));
        assert(isRefused(h));
    }

    function testFuzz_changedPathsAndNumbersConvictNobody(uint8 what, uint256 seed) public {
        Sale memory sale = saleTo(OTHER);
        (sale.entries, sale.position, sale.rows, sale.rowIndex) = (6, 3, 9, 4);
        IUnbrokenEvidence.Handoff memory h = handoffOf(sale);
        uint256 kind = what % 10;
        if (kind == 0) h.path[seed % h.path.length] ^= bytes32(uint256(1) << (seed % 256));
        if (kind == 1) {
            h.rowPath[seed % h.rowPath.length] ^= bytes32(uint256(1) << (seed % 256));
        }
        if (kind == 2) h.position = uint32(other(seed, 3));
        if (kind == 3) h.rowIndex = uint32(other(seed, 4));
        if (kind == 4) h.count = uint32(other(seed, 6));
        if (kind == 5) h.docHash ^= bytes32(uint256(1) << (seed % 256));
        if (kind == 6) h.issuedAt = uint64(other(seed, 1));
        if (kind == 7) h.salt ^= bytes16(uint128(1) << (seed % 128));
        if (kind == 8) h.role = uint8(seed % 255 + 1);
        if (kind == 9) h.logId ^= bytes32(uint256(1) << (seed % 256));
        assert(isRefused(h));
    }

    function test_surplusAndMissingElementsOfAPathConvictNobody() public {
        Sale memory sale = saleTo(OTHER);
        (sale.entries, sale.position, sale.rows, sale.rowIndex) = (6, 3, 9, 4);
        IUnbrokenEvidence.Handoff memory h = handoffOf(sale);
        bytes32[] memory whole = h.path;
        h.path = resized(whole, whole.length + 1);
        assert(isRefused(h));
        h.path = resized(whole, whole.length - 1);
        assert(isRefused(h));
        h.path = whole;
        whole = h.rowPath;
        h.rowPath = resized(whole, whole.length + 1);
        assert(isRefused(h));
        h.rowPath = resized(whole, whole.length - 1);
        assert(isRefused(h));
    }

    function test_aSecondFormOfASignatureConvictsNobody() public {
        IUnbrokenEvidence.Handoff memory h = handoffOf(saleTo(OTHER));
        bytes memory whole = h.signature;
        h.signature = bytes.concat(whole, hex"00");
        assert(isRefused(h));
        h.signature = highS(whole);
        assert(isRefused(h));
        h.signature = "";
        assert(isRefused(h));
    }

    function call(
        uint256 chainId,
        address home,
        bytes32 itemKey,
        bytes32 spends,
        IUnbrokenEvidence.Handoff calldata first,
        IUnbrokenEvidence.Handoff calldata secondOne
    ) external {
        _evidence.proveDoubleSpend(chainId, home, itemKey, spends, first, secondOne);
    }

    function prove(Sale memory one, Sale memory two) private {
        _evidence.proveDoubleSpend(HOME_CHAIN, HOME, ITEM, TOKEN, handoffOf(one), handoffOf(two));
    }

    function refuses(Sale memory one, Sale memory two, bytes memory reason) private {
        IUnbrokenEvidence.Handoff memory first = handoffOf(one);
        IUnbrokenEvidence.Handoff memory last = handoffOf(two);
        vm.expectRevert(reason);
        this.call(HOME_CHAIN, HOME, ITEM, TOKEN, first, last);
        assert(convictedAt() == 0);
    }

    /// @dev Whether a handoff convicts in neither place beside an untouched one to the buyer.
    function isRefused(IUnbrokenEvidence.Handoff memory h) private returns (bool) {
        IUnbrokenEvidence.Handoff memory good = handoffOf(saleTo(BUYER));
        try this.call(HOME_CHAIN, HOME, ITEM, TOKEN, good, h) {
            return false;
        } catch {}
        try this.call(HOME_CHAIN, HOME, ITEM, TOKEN, h, good) {
            return false;
        } catch {}
        return convictedAt() == 0;
    }

    function convictedAt() private view returns (uint256) {
        return _evidence.keyEquivocatedAt(vm.addr(OTHER_KEY), HOME_CHAIN, HOME);
    }

    function second(bytes4 selector) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, 1);
    }

    function other(uint256 seed, uint256 than) private pure returns (uint256 value) {
        value = seed % 1000;
        if (value == than) value = than + 1;
    }

    function resized(bytes32[] memory path, uint256 length)
        private
        pure
        returns (bytes32[] memory changed)
    {
        changed = new bytes32[](length);
        for (uint256 i = 0; i < length && i < path.length; ++i) {
            changed[i] = path[i];
        }
    }

    function highS(bytes memory signature) private pure returns (bytes memory) {
        (bytes32 r, bytes32 s, uint8 v) = (bytes32(0), bytes32(0), uint8(signature[64]));
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
        }
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        return abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27));
    }
}
