"""Rows of `unbroken capture` where nothing is sent: each event is told what became of it."""

from pathlib import Path
from typing import Any, cast

from ledger.cli.capture import OnError, _send, _Sending
from ledger.client import LedgerClient
from ledger.core.entries import Address, EventEntry, Op, Z
from ledger.core.facts import LogIdentity
from ledger.core.submission import Signer
from ledger.core.tokens import Deed, SpentTokenError
from tests.integration.partners import commission, document, new_item

PATH = "/01/04012345111118/21/987"


class Refusing:
    """A client whose journal signs no second owner for the second event."""

    def send(self, *_: object, **__: object) -> None:
        """Refuse."""
        first = EventEntry(
            op=Op.HANDOFF, flags=0, time_ms=0, signer=Address(b"\2" * 20), party=b"\1" * 32,
            on_behalf_of=b"\1" * 32, to_owner=b"\3" * 32, to_possessor=Z, refers=Z, row_count=1,
            event_root=b"\6" * 32, item_count=1, items_root=b"\7" * 32,
        )  # fmt: skip
        raise SpentTokenError(PATH, Deed(leaf_hash=b"\4" * 32, entry=first, role=0), 1)


def test_each_event_of_a_document_that_the_journal_refuses_has_a_row(tmp_path: Path) -> None:
    file = tmp_path / "three.json"
    file.write_bytes(document(*(commission(new_item()) for _ in range(3))))
    sending = _Sending(
        client=cast("LedgerClient", Refusing()),
        signer=Signer(private_key=b"\5" * 32, party=b"\1" * 32, party_secret=bytes(32)),
        identity=cast("LogIdentity", None), until="integrated", timeout_s=1,
        on_error=OnError.ROLLBACK, claims=True,
    )  # fmt: skip
    rows = cast("list[dict[str, Any]]", _send(sending, str(file)))
    assert [(row["event"], row["verdict"], row["code"]) for row in rows] == [
        (0, "rejected", "rolled_back"),
        (1, "rejected", "not_permitted"),
        (2, "rejected", "rolled_back"),
    ]
    assert PATH in rows[1]["reason"]
    assert rows[0]["reason"] == "not sent: event 1 may not be signed"
