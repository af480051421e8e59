"""The index of events follows the log, step by step, and is the same however it was made."""

from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.service.index import VERSION, Indexer
from ledger.store.index_store import SqlIndexStore
from ledger.worker import Worker
from tests.integration.partners import Partner, commission, event, new_item, ship

TABLES = ("epcis_index", "epcis_events", "epcis_numbers", "epcis_attributes", "epcis_children")
ODD = {"ex:null": "nul\0here", "ex:long": "é" * 5000, f"ex:{'n' * 600}": "v", "ex:big": 1e308}


def rows(node: Node) -> dict[str, list[str]]:
    with node.engine.connect() as connection:
        return {
            table: sorted(
                repr(tuple(row))
                for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
            )
            for table in TABLES
        }


def forget(node: Node) -> None:
    """Say that the index was made by other rules."""
    with node.engine.begin() as connection:
        connection.execute(text(f"UPDATE epcis_index SET version = {VERSION - 1}"))  # noqa: S608


def test_an_index_made_anew_is_the_same_whatever_the_size_of_its_steps(
    node: Node, worker: Worker, captured: Callable[..., dict[str, Any]],
    partner: Callable[..., Partner],
) -> None:  # fmt: skip
    teller, item = partner("Indexed"), new_item()
    odd = {**ODD, "@context": [{"ex": "https://example.org/odd/"}]}
    captured(teller, commission(item), ship(item, to=teller), event(action="OBSERVE",
             epcList=[new_item()], **odd))  # fmt: skip
    while worker.turn():
        pass
    before = rows(node)
    assert len(before["epcis_events"]) >= 3
    for most_bytes in (1, 300, 10**9):
        forget(node)
        indexer = Indexer(store=SqlIndexStore(node.engine, most_bytes))
        steps = 0
        while indexer.run():
            steps += 1
        assert rows(node) == before
        assert steps > 1 or most_bytes == 10**9


def test_the_index_never_leads_what_is_integrated(
    node: Node, api: httpx.Client, worker: Worker, partner: Callable[..., Partner],
    captured: Callable[..., dict[str, Any]],
) -> None:  # fmt: skip
    teller, item = partner("Late"), new_item()
    captured(teller, commission(item))
    with node.engine.begin() as connection:
        # Sequenced and not integrated: what an integrator that died would leave.
        state = connection.execute(text("SELECT sequenced, integrated FROM log_state")).one()
        connection.execute(text("UPDATE log_state SET integrated = integrated - 1"))
    forget(node)
    indexer = node.indexer()
    while indexer.run():
        pass
    assert SqlIndexStore(node.engine).indexed() == state.integrated - 1
    url = f"/epcis/events?MATCH_anyEPC={item}"
    assert api.get(url).json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"] == []
    with node.engine.begin() as connection:
        connection.execute(text("UPDATE log_state SET integrated = integrated + 1"))
    worker.turn()
    found = api.get(url).json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert len(found) == 1
