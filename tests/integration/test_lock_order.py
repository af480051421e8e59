"""Who ends a subscription while an event that is on its way is erased waits for nobody for ever."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.clock import now_ms
from ledger.core.facts import tombstone
from tests.integration.partners import commission, document
from tests.integration.test_custody_replay import integrate, looking, send, signer

SUBSCRIBED = (
    "INSERT INTO epcis_queries (name, definition, created_ms) VALUES ('locks', '{}', 1)",
    (
        "INSERT INTO subscriptions (id, kind, query_name, types, dest, epc_format, report_if_empty,"
        " created_ms, cursor, batch, stopped)"
        " VALUES ('one', 'query', 'locks', '{}', 'http://127.0.0.1:9', 'No_Preference', false, 1,"
        " -1, 1, false)"
    ),
    (
        "INSERT INTO deliveries (id, subscription_id, after, last, messages, body, state, attempts,"
        " next_ms, created_ms, updated_ms)"
        " VALUES ('d', 'one', -1, 9223372036854775807, 1, '', 'prepared', 0, 1, 1, 1)"
    ),
)
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
               " AND datname = current_database()")  # fmt: skip
PATIENCE_S = 30


@pytest.mark.timeout(120)
def test_a_subscription_ends_while_what_it_sends_is_erased(fresh_node: Node) -> None:
    node = fresh_node
    send(node, signer(node, 0), document(commission("urn:epc:id:sgtin:4012345.011111.LOCK")))
    integrate(node, now_ms())
    with looking(node) as connection:
        index = connection.scalar(text("SELECT max(log_index) FROM events"))
    at, registrar = now_ms(), node.registrar()
    registrar.submit([tombstone(at, registrar.address, index, "GDPR 17")], at_ms=at)
    node.sequencer().run(at_ms=at)
    with node.engine.begin() as connection:
        for statement in SUBSCRIBED:
            connection.execute(text(statement))
    with ThreadPoolExecutor(1) as threads, node.engine.begin() as connection:
        # As its end does: it first, then the deliveries that go with it.
        connection.execute(text("SELECT 1 FROM subscriptions WHERE id = 'one' FOR UPDATE"))
        erasure = threads.submit(node.integrator().run)
        until = monotonic() + PATIENCE_S
        while not connection.scalar(WAITING) and monotonic() < until:
            sleep(0.05)
        connection.execute(text("DELETE FROM subscriptions WHERE id = 'one'"))
        connection.commit()
        assert erasure.result(PATIENCE_S) > 0
    with looking(node) as connection:
        content = text("SELECT content FROM events WHERE log_index = :index")
        assert connection.scalar(content, {"index": index}) is None
