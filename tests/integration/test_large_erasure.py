"""The erasure of one event costs what its document is long, not the square of it."""

from time import monotonic

import pytest
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.facts import tombstone
from tests.integration.partners import commission, document
from tests.integration.test_custody_replay import integrate, looking, send, signer

# Some 0.5 s; looked up once a row, its answers alone were 2.5 * 10^7 look-ups, of minutes.
EVENTS, BOUND_S = 5_000, 15


@pytest.mark.timeout(300)
def test_an_event_of_a_large_document_goes_in_a_time_that_its_size_bounds(fresh_node: Node) -> None:
    node = fresh_node
    packs = (f"urn:epc:id:sgtin:4012345.011111.L{n}" for n in range(EVENTS))
    send(node, signer(node, 0), document(*(commission(pack) for pack in packs)))
    integrate(node, now_ms())
    last = text("SELECT max(log_index), max(submission_id) FROM log_entries WHERE kind = 1")
    with looking(node) as connection:
        index, submission = connection.execute(last).one()
    at, registrar = now_ms(), node.registrar()
    registrar.submit([tombstone(at, registrar.address, index, "GDPR 17")], at_ms=at)
    begun = monotonic()
    integrate(node, at)
    assert monotonic() - begun < BOUND_S
    gone = text(
        "SELECT v.content IS NULL AND s.document IS NULL AND s.sealed IS NULL"
        " FROM events v, submissions s WHERE v.log_index = :index AND s.id = :submission"
    )
    with looking(node) as connection:
        given = {"index": index, "submission": submission}
        assert connection.execute(gone, given).scalar_one()
