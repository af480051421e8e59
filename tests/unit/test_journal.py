"""The journal: on disk before anything is sent, one writer at a time, one owner for a token."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.core.entries import Address, EventEntry, Op, Z, entry_leaf_hash
from ledger.core.tokens import Named
from ledger.journal import Journal, JournalError

CHAIN, HOME, PARTY = 31337, bytes(20), b"p" * 32
KEY, TOKEN, DIGEST = b"k" * 32, b"t" * 32, b"d" * 32
BUYER, OTHER = b"b" * 32, b"o" * 32
ROOT = Path(__file__).parents[2]


def entry(op: Op = Op.HANDOFF, to: bytes = BUYER, at: int = 1) -> EventEntry:
    return EventEntry(
        op=op, flags=0, time_ms=at, signer=Address(bytes(20)), party=PARTY, on_behalf_of=PARTY,
        to_owner=to, to_possessor=Z, refers=Z, row_count=1, event_root=KEY, item_count=1,
        items_root=KEY,
    )  # fmt: skip


def names(token: bytes = TOKEN, keys: Sequence[bytes] = (KEY,)) -> list[Named]:
    return [Named(i, key, 0, token) for i, key in enumerate(keys)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "journal.sqlite3"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal(path)


def sign(journal: Journal, made: EventEntry, digest: bytes = DIGEST, token: bytes = TOKEN) -> None:
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.sign(made, digest, names(token), "/417/4012345000009")


def test_what_was_signed_is_found_again_by_its_event(journal: Journal, path: Path) -> None:
    sign(journal, entry())
    with Journal(path).signing(CHAIN, HOME, PARTY) as pages:
        assert pages.recorded(DIGEST) == {0: TOKEN}
        assert pages.recorded(BUYER) is None
        (deed,) = pages.deeds([KEY])[KEY]
    assert (deed.entry, deed.spends, deed.index) == (entry(), TOKEN, None)
    assert deed.label == "/417/4012345000009"


def test_an_event_without_claims_is_known_to_have_none(journal: Journal) -> None:
    sign(journal, entry(), token=Z)
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        assert pages.recorded(DIGEST) == {}


def test_each_home_and_party_has_pages_of_its_own(journal: Journal) -> None:
    sign(journal, entry())
    for home in ((CHAIN + 1, HOME, PARTY), (CHAIN, b"h" * 20, PARTY), (CHAIN, HOME, OTHER)):
        with journal.signing(*home) as pages:
            assert pages.recorded(DIGEST) is None
            assert pages.deeds([KEY]) == {KEY: []}


def test_a_token_is_never_written_for_a_second_owner(journal: Journal) -> None:
    sign(journal, entry())
    sign(journal, entry(at=2), digest=b"e" * 32)
    with pytest.raises(JournalError, match="second owner"):
        sign(journal, entry(to=OTHER), digest=b"f" * 32)
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        assert pages.recorded(b"f" * 32) is None
        assert len(pages.deeds([KEY])[KEY]) == 2


def test_what_the_ledger_tells_binds_as_what_was_signed_here(journal: Journal) -> None:
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.learn(7, entry().encode(), names(), is_own=True)
    with pytest.raises(JournalError, match="second owner"):
        sign(journal, entry(to=OTHER))


def test_an_index_is_learnt_and_kept(journal: Journal) -> None:
    sign(journal, entry())
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.learn(7, entry().encode(), [Named(-1, KEY, 0, TOKEN)], is_own=True)
    sign(journal, entry())
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        (deed,) = pages.deeds([KEY])[KEY]
        assert (deed.index, deed.is_own) == (7, True)
        assert pages.recorded(DIGEST) == {0: TOKEN}


def test_it_learns_where_a_void_was_logged(journal: Journal) -> None:
    sign(journal, entry())
    made = entry(Op.VOID, to=Z, at=20)
    sign(journal, made, digest=b"e" * 32, token=Z)
    for index in (9, 10):  # the first that is told stays
        with journal.signing(CHAIN, HOME, PARTY) as pages:
            pages.logged(index, entry_leaf_hash(made.encode()))
            pages.logged(index, b"u" * 32)
            assert [one.index for one in pages.deeds([KEY])[KEY]] == [None, 9]


def test_it_knows_an_owner_by_the_path_of_another_sale(journal: Journal) -> None:
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.learn(7, entry().encode(), names(), is_own=True)
        assert pages.owner_path(BUYER) == ""
    sign(journal, entry(at=2), digest=b"e" * 32)
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        assert pages.owner_path(BUYER) == "/417/4012345000009"
        assert pages.owner_path(OTHER) == ""


def test_a_lost_journal_that_signs_a_told_entry_again_knows_its_rows(journal: Journal) -> None:
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.learn(7, entry().encode(), [Named(-1, KEY, 0, TOKEN)], is_own=True)
    sign(journal, entry())
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        assert pages.recorded(DIGEST) == {0: TOKEN}


def test_what_is_signed_takes_the_place_of_what_was_told(journal: Journal) -> None:
    """Attack: the ledger tells an entry with tokens and items of its choice."""
    lie, stranger = b"x" * 32, b"s" * 32
    rows = [Named(-1, KEY, 0, lie), Named(-1, stranger, 0, lie)]
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.learn(7, entry().encode(), rows, is_own=True)
        assert pages.recorded(DIGEST) is None
    sign(journal, entry())
    for _ in range(2):
        with journal.signing(CHAIN, HOME, PARTY) as pages:
            assert pages.recorded(DIGEST) == {0: TOKEN}
            deeds = pages.deeds([KEY, stranger])
            assert [(one.spends, one.index, one.label) for one in deeds[KEY]] == [
                (TOKEN, 7, "/417/4012345000009")
            ]
            assert deeds[stranger] == []
            pages.learn(7, entry().encode(), rows, is_own=True)


def test_a_receipt_is_about_the_items_in_the_container_too(journal: Journal) -> None:
    crate, receipt = b"c" * 32, entry(Op.RECEIVE, to=Z)
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.sign(receipt, DIGEST, names(Z, [crate]), "")
        pages.learn(7, receipt.encode(), [Named(-1, KEY, 1, TOKEN)], is_own=True)
        pages.sign(receipt, DIGEST, names(Z, [crate]), "")
        assert pages.recorded(DIGEST) == {}
        assert [one.spends for one in pages.deeds([KEY])[KEY]] == [Z]


def test_a_key_is_held_to_its_token_whatever_party_it_signs_for(journal: Journal) -> None:
    """The evidence knows the key, not whom it signed for."""
    sign(journal, entry())
    second = replace(entry(to=OTHER), party=OTHER, on_behalf_of=OTHER)
    with journal.signing(CHAIN, HOME, OTHER) as pages:
        taken = pages.taken(second, names())
        assert taken is not None
        assert (taken[0], taken[1].entry) == (KEY, entry())
        assert pages.taken(replace(second, to_owner=BUYER), names()) is None
        assert pages.taken(replace(second, signer=Address(b"2" * 20)), names()) is None
    with (
        pytest.raises(JournalError, match="second owner"),
        journal.signing(CHAIN, HOME, OTHER) as pages,
    ):
        pages.sign(second, b"e" * 32, names(), "")
    with journal.signing(CHAIN + 1, HOME, OTHER) as pages:
        assert pages.taken(second, names()) is None
        pages.sign(second, b"e" * 32, names(), "")


def test_a_void_behind_a_sale_that_was_never_logged(journal: Journal) -> None:
    gift = replace(entry(to=PARTY), party=OTHER, on_behalf_of=OTHER)
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.learn(5, gift.encode(), names(Z), is_own=False)
    sign(journal, entry(at=10))
    sign(journal, entry(Op.VOID, to=Z, at=20), digest=b"e" * 32, token=Z)
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        ops = [one.entry.op for one in pages.deeds([KEY])[KEY]]
        assert ops == [Op.HANDOFF, Op.HANDOFF, Op.VOID]
        assert not pages.deeds([KEY])[KEY][0].is_own


def test_a_gift_is_no_own_deed(journal: Journal) -> None:
    gift = replace(entry(to=PARTY), party=OTHER, on_behalf_of=OTHER)
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        pages.learn(7, gift.encode(), names(Z), is_own=False)
        (deed,) = pages.deeds([KEY])[KEY]
    assert (deed.is_own, deed.leaf_hash) == (False, entry_leaf_hash(gift.encode()))


def test_an_error_leaves_nothing_written(journal: Journal) -> None:
    def interrupted() -> None:
        with journal.signing(CHAIN, HOME, PARTY) as pages:
            pages.sign(entry(), DIGEST, names(), "")
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    with journal.signing(CHAIN, HOME, PARTY) as pages:
        assert pages.recorded(DIGEST) is None


def test_nobody_else_reads_it(journal: Journal, path: Path) -> None:
    sign(journal, entry())
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 9, None])
def test_a_journal_that_cannot_be_read_stops_signing(path: Path, content: bytes | None) -> None:
    path.parent.mkdir()
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 9")
        connection.close()
    else:
        path.write_bytes(content)
    with pytest.raises(JournalError), Journal(path).signing(CHAIN, HOME, PARTY):
        raise AssertionError


_SIGNER = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from tests.unit.test_journal import CHAIN, HOME, PARTY, Journal, entry, names
    path, owner, die = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), sys.argv[3]
    sys.stdin.readline()
    with Journal(path).signing(CHAIN, HOME, PARTY) as pages:
        pages.sign(entry(to=owner), owner, names(), "")
        if die == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    if die == "behind":
        os.kill(os.getpid(), signal.SIGKILL)
""")


def _start(path: Path, owner: bytes, die: str = "never") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _SIGNER, str(path), owner.hex(), die], cwd=ROOT,
        stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'verifier'}"},
    )  # fmt: skip


def test_of_two_processes_at_once_one_signs(path: Path) -> None:
    both = [_start(path, owner) for owner in (BUYER, OTHER)]
    told = [(one.communicate(b"\n"), one.returncode) for one in both]
    assert sorted(code != 0 for _, code in told) == [False, True]
    (error,) = [errors for (_, errors), code in told if code]
    assert b"second owner" in error


@pytest.mark.parametrize(("die", "known"), [("before", None), ("behind", {0: TOKEN})])
def test_a_killed_process_leaves_all_or_nothing(
    path: Path, die: str, known: dict[int, bytes] | None
) -> None:
    killed = _start(path, BUYER, die)
    killed.communicate(b"\n")
    assert killed.returncode == -signal.SIGKILL
    with Journal(path).signing(CHAIN, HOME, PARTY) as pages:
        assert pages.recorded(BUYER) == known
