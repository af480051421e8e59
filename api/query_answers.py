"""Answers to queries: EPCIS query documents, in the format and the spelling that were asked for."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import orjson
from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from api.epcis_paths import EPCIS_HEADERS
from api.items import NO_STORE
from api.query_request import TOKEN, Asked
from ledger.clock import now_ms
from ledger.core.epcis.document import STANDARD_CONTEXT, Document, Event, Format, Kind
from ledger.core.epcis.epc_format import EpcFormat, learn_from_event
from ledger.core.epcis.write import write_document
from ledger.core.prefix_lengths import PrefixLengths
from ledger.core.strict_json import parse_json
from ledger.core.times import format_time
from ledger.service.index import each_once, spelt, with_server_members
from ledger.service.query import EventQueries, Page
from ledger.service.query_ports import SentEvent

UNNAMED: Final = "SimpleEventQuery"
# XML of 1.2 has no sensors and no associations: pointers into the JSON say what an answer lacks.
LOST: Final = "Unbroken-Lost-In-Conversion"
# A header of many more is cut or refused on the way.
MAX_LOST: Final = 20
_HEAD: Final = (
    b'{"@context":["%s"],"type":"EPCISQueryDocument","schemaVersion":"2.0","creationDate":"%%s",'
    b'"epcisBody":{"queryResults":{"queryName":%%s,"resultsBody":{"eventList":[%%s]}}}}'
    % STANDARD_CONTEXT.encode()
)


def document(events: Sequence[bytes], name: bytes, at_ms: int) -> bytes:
    """Return the JSON query document of events as the index has them; the name is JSON too."""
    return _HEAD % (format_time(at_ms).encode(), name, b",".join(events))


async def answer(queries: EventQueries, page: Page, asked: Asked, name: str = UNNAMED) -> Response:
    """Return the answer of a page of events."""
    at_ms = now_ms()
    headers = {**EPCIS_HEADERS, **NO_STORE, "GS1-EPC-Format": asked.epc_format.value}
    headers |= next_page(page.token, page.expires_ms, asked)
    if asked.format is Format.JSON and asked.epc_format is EpcFormat.ALWAYS_GS1_DIGITAL_LINK:
        body = document([event.rendered for event in page.events], orjson.dumps(name), at_ms)
        return Response(body, 200, headers, asked.media_type)
    sent = await queries.contents(page.events)
    body, lost = await run_in_threadpool(_converted, sent, asked, name, at_ms)
    if lost:
        headers[LOST] = ", ".join(lost[:MAX_LOST])
    if asked.format is Format.XML_12:
        headers["GS1-EPCIS-Version"] = headers["GS1-CBV-Version"] = "1.2.0"
    return Response(body, 200, headers, asked.media_type)


def json_answer(value: object, status: int, headers: Mapping[str, str]) -> Response:
    """Return an answer that is no query document."""
    return Response(orjson.dumps(value), status, headers, "application/json")


def next_page(token: str | None, expires_ms: int, asked: Asked) -> Mapping[str, str]:
    """Return the headers that lead to the next page, none on the last."""
    if token is None:
        return {}
    between = "" if asked.target.endswith("?") else "&"
    return {
        "Link": f'<{asked.target}{between}{TOKEN}={token}>; rel="next"',
        "GS1-Next-Page-Token-Expires": format_time(expires_ms),
    }


def _converted(
    sent: Sequence[SentEvent], asked: Asked, name: str, at_ms: int
) -> tuple[bytes, list[str]]:
    """Return the document of events, spelt and written as asked, and what it cannot hold."""
    lengths = PrefixLengths()
    events = [_event(one) for one in sent]
    for event in events:
        learn_from_event(event, lengths)
    served = [
        with_server_members(spelt(event, asked.epc_format, lengths), one.event_id, one.record_ms)
        for event, one in zip(events, sent, strict=True)
    ]
    if asked.format is Format.JSON:
        events = [each_once(one) for one in served]
        return document(list(map(orjson.dumps, events)), orjson.dumps(name), at_ms), []
    written = _query_document(served, name, at_ms)
    body, findings = write_document(written, asked.format, cbv=asked.cbv_format)
    return body, [quote(one.pointer) for one in findings if one.code == "LOST_IN_CONVERSION"]


def _event(sent: SentEvent) -> Event:
    content = parse_json(sent.content)
    return content if isinstance(content, dict) else {}


def _query_document(events: Sequence[Event], name: str, at_ms: int) -> Document:
    start = "/epcisBody/queryResults/resultsBody/eventList"
    return Document(
        format=Format.JSON,
        kind=Kind.QUERY,
        members={
            "@context": [STANDARD_CONTEXT],
            "type": Kind.QUERY.value,
            "schemaVersion": "2.0",
            "creationDate": format_time(at_ms),
            "epcisBody": {"queryResults": {"queryName": name, "resultsBody": {}}},
        },
        events=events,
        pointers=[f"{start}/{i}" for i in range(len(events))],
    )
