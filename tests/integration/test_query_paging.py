"""Pages stand still while events come in; orders, limits, and what a query is refused for."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.core.epcis.query import (
    Query,
    QueryTooComplexError,
    parse_query_string,
    split_query_string,
)
from ledger.service.query import MAX_PER_PAGE
from ledger.store.query_sql import find_events
from ledger.store.query_store import SqlEventStore
from ledger.worker import Worker
from tests.integration.partners import Partner, commission, event, new_item, path_of, ship

Captured = Callable[..., dict[str, Any]]
EX = "https://example.org/paging/"


@pytest.fixture(scope="module")
def pager(partner: Callable[..., Partner]) -> Partner:
    return partner("Pager")


def listed(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["epcisBody"]["queryResults"]["resultsBody"][
        "eventList"
    ]
    return found


def next_of(answer: httpx.Response) -> str | None:
    found = re.fullmatch('<(.+)>; rel="next"', answer.headers.get("link", ""))
    return found[1] if found else None


def at(day: int) -> str:
    return f"2026-04-{day:02}T10:00:00Z"


@pytest.mark.parametrize(
    "order", ["", "orderBy=eventTime", "orderBy=recordTime&orderDirection=ASC"]
)
def test_pages_are_of_one_state_while_events_come_in(
    api: httpx.Client, captured: Captured, pager: Partner, order: str
) -> None:
    item = new_item()
    for day in (3, 1, 5, 2, 4, 6, 7):
        captured(pager, event(action="OBSERVE", epcList=[item], eventTime=at(day)))
    base = f"/epcis/events?MATCH_anyEPC={item}&{order}"
    whole = listed(api.get(f"{base}&perPage=100"))
    assert len(whole) == 7
    found, url, late = [], f"{base}&perPage=2", 10
    while url:
        answer = api.get(url)
        found += listed(answer)
        # Before, behind and between what was read, in every order.
        for day in (1, 4, 20):
            captured(pager, event(action="OBSERVE", epcList=[item], eventTime=at(day), **{
                "ex:n": late}, **{"@context": [{"ex": EX}]}))  # fmt: skip
            late += 1
        url = next_of(answer) or ""
    assert found == whole
    assert len(listed(api.get(f"{base}&perPage=100"))) == 7 + 3 * 4


def test_order_and_limit_are_those_asked_for(
    api: httpx.Client, captured: Captured, pager: Partner
) -> None:
    item = new_item()
    sizes = [(1, 10), (2, 9), (3, "100"), (4, 9.5)]
    for day, size in sizes:
        sized = {"ex:size": size, "ex:name": f"n{day}", "@context": [{"ex": EX}]}
        captured(pager, event(action="OBSERVE", epcList=[item], eventTime=at(day), **sized))
    base = f"/epcis/events?MATCH_anyEPC={item}"
    days = lambda url: [one["eventTime"][8:10] for one in listed(api.get(url))]  # noqa: E731
    assert days(f"{base}&orderBy=eventTime") == ["04", "03", "02", "01"]
    assert days(f"{base}&orderBy=eventTime&orderDirection=ASC") == ["01", "02", "03", "04"]
    assert days(f"{base}&orderBy=eventTime&eventCountLimit=1") == ["04"]
    by_size = quote(f"{EX}#size", safe="")
    assert days(f"{base}&orderBy={by_size}&orderDirection=ASC") == ["02", "04", "01", "03"]
    by_name = quote(f"{EX}#name", safe="")
    assert days(f"{base}&orderBy={by_name}") == ["04", "03", "02", "01"]
    answer = api.get(f"{base}&orderBy={by_size}&eventCountLimit=3&perPage=2")
    second = api.get(next_of(answer) or "")
    assert [one["eventTime"][8:10] for one in listed(answer) + listed(second)] == ["03", "01", "04"]
    assert next_of(second) is None


def test_too_many_events_are_an_error_and_no_part_of_an_answer(
    api: httpx.Client, captured: Captured, pager: Partner
) -> None:
    item = new_item()
    captured(pager, commission(item), ship(item, to=pager))
    base = f"/epcis/events?MATCH_anyEPC={item}"
    assert len(listed(api.get(f"{base}&maxEventCount=2"))) == 2
    refused = api.get(f"{base}&maxEventCount=1&perPage=1")
    assert refused.status_code == 413
    assert refused.json()["type"] == "epcisException:QueryTooLargeException"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("EQ_colour=red", "EQ_colour"),
        ("EQ_action=SHIP", "EQ_action"),
        ("EQ_bizStep=teleporting", "EQ_bizStep"),
        ("GE_eventTime=yesterday", "GE_eventTime"),
        ("GE_eventTime=2026-01-01T00:00:00", "GE_eventTime"),
        ("GT_quantity=many", "GT_quantity"),
        ("EQ_readPoint=dock", "EQ_readPoint"),
        ("MATCH_epc=urn:epc:idpat:sgtin:4012345.1.*", "MATCH_epc"),
        ("EQ_nowhere:lot=1", "EQ_nowhere:lot"),
        ("EXISTS_errorDeclaration=perhaps", "EXISTS_errorDeclaration"),
        ("orderBy=colour", "orderBy"),
        ("orderBy=eventTime&orderDirection=UP", "orderDirection"),
        ("eventCountLimit=5", "eventCountLimit"),
        ("orderBy=eventTime&eventCountLimit=5&maxEventCount=5", "eventCountLimit"),
        ("maxEventCount=0", "maxEventCount"),
        ("perPage=0", "perPage"),
        ("nextPageToken=AAAA", "nextPageToken"),
        ("eventType=", "eventType"),
        ("EQ_action=%FF", "EQ_action"),
    ],
)
def test_a_wrong_parameter_is_named(api: httpx.Client, query: str, name: str) -> None:
    answer = api.get(f"/epcis/events?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    told = answer.json()
    assert told["type"] == "epcisException:QueryParameterException"
    assert told["field"] == name
    assert told["rule"]


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("&".join(f"EQ_{i}http://a%23b=1" for i in range(100)), 413, "QueryTooComplexException"),
        ("EQ_eventID=" + "|".join(map(str, range(2_100)))[:7_900], 413, "QueryTooComplexException"),
        ("EQ_stringValue=" + "x" * 9_000, 414, "URITooLongException"),
    ],
    ids=["parameters", "values", "length"],
)
def test_a_query_beyond_a_limit_is_refused(
    api: httpx.Client, query: str, status: int, kind: str
) -> None:
    answer = api.get(f"/epcis/events?{query}")
    if kind == "QueryTooComplexException" and "EQ_eventID" in query:
        definition = {"name": "huge", "query": {"EQ_eventID": [str(i) for i in range(2_001)]}}
        answer = api.post("/epcis/queries", json=definition)
    assert (answer.status_code, answer.json()["type"]) == (status, f"epcisException:{kind}")


def test_a_token_is_of_its_query_and_its_server(
    api: httpx.Client, captured: Captured, pager: Partner
) -> None:
    item = new_item()
    captured(pager, commission(item), ship(item, to=pager))
    first = api.get(f"/epcis/events?MATCH_anyEPC={item}&perPage=1")
    assert first.headers["gs1-next-page-token-expires"].endswith("Z")
    token = (next_of(first) or "").partition("nextPageToken=")[2]
    base = f"/epcis/events?MATCH_anyEPC={item}&nextPageToken="
    assert len(listed(api.get(base + token))) == 1
    for other in (
        base + token[:-1] + ("A" if token[-1] != "A" else "B"),
        f"/epcis/events?MATCH_anyEPC={new_item()}&nextPageToken={token}",
        f"/epcis/epcs?nextPageToken={token}",
        f"/epcis/queries?nextPageToken={token}",
    ):
        refused = api.get(other)
        assert refused.status_code == 400
        assert refused.json()["field"] == "nextPageToken"


def test_the_hot_route_and_the_general_one_say_the_same(
    api: httpx.Client, captured: Captured, pager: Partner
) -> None:
    item = new_item()
    captured(pager, commission(item), ship(item, to=pager))
    hot = [
        api.get(f"/epcis/events?MATCH_anyEPC={item}"),
        api.get(f"/epcis/epcs/{quote(item, safe='')}/events"),
        api.get(f"/epcis/epcs/{item}/events"),
        api.get("/epcis/events?MATCH_anyEPC=urn%3Aepc%3Aid%3Asgtin%3A4012340.011111."
                + item.rpartition("/")[2]),
    ]  # fmt: skip
    general = api.get(f"/epcis/events?MATCH_anyEPC={item}&perPage=100")
    assert all(listed(one) == listed(general) for one in hot)
    assert len(listed(general)) == 2
    assert all(one.headers["gs1-epcis-version"] == "2.0.0" for one in hot)
    assert api.get(f"/epcis/epcs/{quote(new_item(), safe='')}/events").status_code == 404
    assert listed(api.get(f"/epcis/events?MATCH_anyEPC={new_item()}")) == []


@pytest.mark.parametrize(
    "path",
    [
        "bizSteps/arriving", "bizSteps/urn%3Aepcglobal%3Acbv%3Abizstep%3Aarriving",
        "dispositions/recalled", "dispositions/https%3A%2F%2Fref.gs1.org%2Fcbv%2FDisp-recalled",
        "eventTypes/AssociationEvent",
    ],
)  # fmt: skip
def test_a_standard_word_without_events_has_none(api: httpx.Client, path: str) -> None:
    assert api.get(f"/epcis/{path}").json()["member"] == ["events"]
    # No event is of that time.
    assert listed(api.get(f"/epcis/{path}/events?LT_eventTime=1970-01-02T00:00:00Z")) == []
    unheard = path.partition("/")[0]
    assert api.get(f"/epcis/{unheard}/urn%3Ax%3Aunheard/events").status_code == 404


def test_a_pattern_that_leaves_nothing_open_finds_its_item(
    api: httpx.Client, captured: Captured, pager: Partner
) -> None:
    serial = new_item().rpartition("/")[2]
    gid = f"urn:epc:id:gid:95100000.12345.{serial}"
    sgtin = f"urn:epc:id:sgtin:4012345.011111.{serial}"
    captured(pager, event(action="OBSERVE", epcList=[sgtin, gid]))
    for identifier in (sgtin, gid):
        pattern = identifier.replace(":id:", ":idpat:")
        found = listed(api.get(f"/epcis/events?MATCH_epc={identifier}"))
        assert len(found) == 1
        assert listed(api.get(f"/epcis/events?MATCH_epc={pattern}")) == found
        assert listed(api.get(f"/epcis/epcs/{pattern}/events")) == found
    wide = "/epcis/events?MATCH_epc=urn:epc:idpat:gid:95100000.12345.*&perPage=1000"
    assert found[0] in listed(api.get(wide))


def test_values_are_listed_by_pages(api: httpx.Client, captured: Captured, pager: Partner) -> None:
    place = f"https://example.org/{path_of(new_item())[-12:]}/"
    for i in range(5):
        seen = {"bizLocation": {"id": f"{place}{i}"}, "bizStep": f"{place}step"}
        captured(pager, event(action="OBSERVE", epcList=[new_item()], **seen))
    for resource, known in (("bizLocations", f"{place}3"), ("bizSteps", f"{place}step")):
        found: list[str] = []
        url: str | None = f"/epcis/{resource}?perPage=2"
        while url:
            answer = api.get(url)
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["member"]) <= 2
            found += answer.json()["member"]
            url = next_of(answer)
        assert known in found
        assert len(found) == len(set(found))
        one = f"/epcis/{resource}/{quote(known, safe='')}"
        assert api.get(one).json()["member"] == ["events"]
        assert len(listed(api.get(f"{one}/events"))) >= 1
        assert api.get(f"/epcis/{resource}/{quote(place, safe='')}none").status_code == 404
    assert len(listed(api.get(f"/epcis/events?perPage={MAX_PER_PAGE * 9}"))) >= 5


PLANS = {
    "an item's history": (f"MATCH_anyEPC={new_item()}", "ix_item_rows_item_key_log_index"),
    "an eventID": ("EQ_eventID=urn:uuid:1", "ix_epcis_events_event_id"),
    "a step in a time": (
        "EQ_bizStep=killing&GE_eventTime=1970-01-01T00:00:01Z&orderBy=eventTime",
        "ix_epcis_events_biz_step",
    ),
    "a term": ("EQ_ILMD_cbvmda:lotNumber=L1", "ix_epcis_events_terms"),
    "a number": ("GE_value_CEL=900", "ix_epcis_numbers_name"),
    "a pattern": ("MATCH_epc=urn:epc:idpat:sscc:9999999.*", "ix_items_path"),
    "a class": ("MATCH_epcClass=urn:epc:class:lgtin:4012345.011111.ZZ", "ix_epcis_events_terms"),
    "a place": ("EQ_bizLocation=https://example.org/p", "ix_epcis_events_biz_location"),
}


@pytest.fixture(scope="module")
def filled(node: Node, worker: Worker) -> None:
    """Rows enough that a plan without an index would cost."""
    worker.turn()
    with node.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("""
            INSERT INTO epcis_events SELECT 10^12 + i, i, i, '\\x00', 'id' || i, 'ObjectEvent',
                'OBSERVE', CASE WHEN i % 500 = 0 THEN 'killing' ELSE 'shipping' END, 'active',
                'uri:r' || i % 50, 'uri:b' || i % 500,
                ARRAY['n=' || i, 'm=' || i % 100], '\\x7b7d' FROM generate_series(1, 20000) i
        """)
        )
        connection.execute(
            text("""
            INSERT INTO items SELECT sha256(int8send(i)), '/01/04012345111118/21/f' || i
            FROM generate_series(1, 20000) i
        """)
        )
        connection.execute(
            text("""
            INSERT INTO item_rows SELECT 10^12 + i, 0, sha256(int8send(i)), 0
            FROM generate_series(1, 20000) i
        """)
        )
        connection.execute(
            text("""
            INSERT INTO epcis_numbers SELECT 10^12 + i, 'value/temperature', i % 300
            FROM generate_series(1, 20000) i
        """)
        )
    with node.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # As autovacuum does: a GIN index with a long pending list is costly, and is not taken.
        connection.execute(text("VACUUM ANALYZE epcis_events, items, item_rows, epcis_numbers"))


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("name", PLANS)
def test_a_query_is_answered_by_an_index(node: Node, name: str) -> None:
    raw, index = PLANS[name]
    query = parse_query_string(split_query_string(raw))
    statement, values = find_events(query, 31, None)
    with node.engine.connect() as connection:
        # A table of this size may well be read whole; no query may need that.
        connection.execute(text("SET enable_seqscan = off"))
        rows = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", tuple(values))
        connection.execute(text("RESET enable_seqscan"))
        plan = json.dumps(rows.scalar_one())
    assert f'"Index Name": "{index}"' in plan
    assert "Seq Scan" not in plan.replace('"Seq Scan", "Parent Relationship": "InitPlan"', "")


@pytest.mark.usefixtures("filled")
def test_a_query_that_takes_too_long_is_too_complex(node: Node) -> None:
    async def ask() -> None:
        store = SqlEventStore(node.database_url, timeout_ms=2)
        await store.start()
        try:
            await store.find(Query(order_by="https://example.org#everything"), 31, None)
        finally:
            await store.stop()

    with pytest.raises(QueryTooComplexError, match=r"may take 0\.002 seconds"):
        asyncio.run(ask())
