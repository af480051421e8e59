"""Tokens and what becomes of them: incoming handoffs, evidence of a double spend."""

import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict

from api.epcis_paths import MAX_BODY
from api.errors import TooLargeError, UnsupportedMediaTypeError, shown_json
from api.items import NO_STORE, NOT_EMPTY, ItemRoutes, item_path
from api.receiving import read_body
from api.routing import GIVEN, problems
from ledger.core.entries import Z
from ledger.core.errors import LedgerError, LimitError, MalformedError
from ledger.core.identifiers import MAX_IDENTIFIER_BYTES, item_key
from ledger.core.item_names import asked_path
from ledger.core.strict_json import JsonValue, parse_json
from ledger.service.accept import kind_of
from ledger.service.evidence import MEDIA_TYPE, EvidenceMaker
from ledger.service.incoming import MAX_ITEMS, Incoming, Known
from ledger.service.token_ports import ItemEntry

_PREFIX, _SUFFIX = "/items/", "/evidence"
_JSON = "application/json"
_MEMBERS = frozenset(["items", "party"])
_PARTY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ITEM = "/01/04012345111118/21/987"
_HASH = "5f" * 32
_ItemName = Annotated[str, Path(examples=["01/04012345111118/21/987"], json_schema_extra=NOT_EMPTY)]


class HandoffEntry(BaseModel):
    """An entry of the log, as its leaf has it."""

    index: int
    entry: str


class NamedBy(BaseModel):
    """An entry that names an item, by its log index; `spends` where it claims a token."""

    index: int
    role: int
    spends: str | None = None


class IncomingItem(BaseModel):
    """What the log tells of one item: the party's own entries, and who gave it.

    `too_many`: there is more than an answer has room for; then neither is told.
    """

    own: list[NamedBy]
    received: NamedBy | None = None
    too_many: bool = False


class IncomingHandoffs(BaseModel):
    """What the log tells of each item, in the order in which they were asked."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "entries": [{"index": 17, "entry": "55424531…"}],
                "items": [{"own": [], "received": {"index": 17, "role": 0}}],
            }
        }
    )
    entries: list[HandoffEntry]
    items: list[IncomingItem]


class EvidenceRoutes:
    """The routes about tokens; before those of items, whose names may hold anything."""

    def __init__(self, incoming: Incoming, maker: EvidenceMaker, items: ItemRoutes) -> None:
        """Take the services, and the routes of items whose names end as one of ours."""
        self._incoming, self._maker, self._items = incoming, maker, items

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Evidence"])
        evidence = {
            "description": "Evidence, canonical JSON (docs/spec/evidence.md).",
            "content": {MEDIA_TYPE: {"schema": {"type": "object"}}},
        }
        router.add_api_route(
            "/handoffs/incoming", self.incoming, methods=["POST"], response_description=GIVEN,
            response_class=Response,
            responses={200: {"model": IncomingHandoffs}, **problems(400, 413, 415)},
            openapi_extra=_body(),
        )  # fmt: skip
        router.add_api_route(
            "/items/{item:path}/evidence", self.evidence, methods=["GET"],
            response_description=GIVEN, response_class=Response,
            responses={200: evidence, **problems(400, 404)},
        )  # fmt: skip
        return router

    async def incoming(self, request: Request) -> Response:
        """Tell a party's client how it came by items: what it fills tokens in by.

        At most 20,000 items and 32 MiB.
        """
        headers = dict(request.scope["headers"])
        media_type = headers.get(b"content-type", b"").decode("latin-1")
        # Attack: a page elsewhere may post other types to this machine without asking first.
        if kind_of(media_type) != _JSON:
            raise UnsupportedMediaTypeError("content-type", f"is {_JSON}", media_type)
        length = headers.get(b"content-length", b"")
        raw = await read_body(request.receive, length, _too_large)
        content = await run_in_threadpool(self._told, raw)
        return Response(content, media_type=_JSON, headers=NO_STORE)

    def _told(self, raw: bytes) -> bytes:
        party, keys = _asked(parse_json(raw))
        known = self._incoming.known(party, keys)
        entries: dict[int, str] = {}
        items = [_item(one, entries) for one in known]
        listed = [{"index": index, "entry": entries[index]} for index in sorted(entries)]
        return orjson.dumps({"entries": listed, "items": items})

    def evidence(
        self,
        request: Request,
        item: _ItemName,  # noqa: ARG002 -- read raw
    ) -> Response:
        """Give the proof that one key handed an item to two owners, byte for byte."""
        raw: bytes = request.scope["raw_path"]
        name = raw.decode("latin-1").partition("?")[0].removeprefix(_PREFIX)
        if not name.endswith(_SUFFIX):  # an escape in it: a serial that reads as our word
            return self._items.named(request)
        made = self._maker.double_spend(item_path(name.removesuffix(_SUFFIX)))
        return Response(made, media_type=MEDIA_TYPE, headers=NO_STORE)


def _too_large() -> LedgerError:
    return TooLargeError(f"a question has at most {MAX_BODY} bytes; ask several")


def _asked(body: JsonValue) -> tuple[bytes, list[bytes]]:
    """Return the party and the items that are asked for.

    Raises:
        MalformedError: A member is missing, unknown or breaks its rule; it is named.
        LimitError: More items than one answer tells of.
    """
    if not isinstance(body, dict):
        raise MalformedError("body", "is an object of party and items", shown_json(body))
    for name in body:
        if name not in _MEMBERS:
            raise MalformedError(name, "is no member here; there are: items, party")
    party, items = body.get("party"), body.get("items")
    if not isinstance(party, str) or not _PARTY.fullmatch(party):
        raise MalformedError("party", "is a party key, 64 hexadecimal digits", shown_json(party))
    if not isinstance(items, list):
        raise MalformedError("items", "is a list of canonical paths", shown_json(items))
    if len(items) > MAX_ITEMS:
        raise LimitError("items", f"are at most {MAX_ITEMS:,}", len(items))
    return bytes.fromhex(party), [_key(place, one) for place, one in enumerate(items)]


def _key(place: int, item: JsonValue) -> bytes:
    if not isinstance(item, str):
        raise MalformedError(f"items.{place}", "is a canonical path", shown_json(item))
    try:
        return item_key(asked_path(item))
    except MalformedError as error:
        raise MalformedError(f"items.{place}", error.rule, error.value) from None


def _body() -> dict[str, Any]:
    path = {"type": "string", "minLength": 1, "maxLength": MAX_IDENTIFIER_BYTES}
    schema = {
        "type": "object", "required": ["items", "party"], "additionalProperties": False,
        "properties": {
            "party": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Party key."},
            "items": {"type": "array", "maxItems": MAX_ITEMS, "items": path,
                      "description": "Canonical paths."},
        },
    }  # fmt: skip
    content = {_JSON: {"schema": schema, "example": {"party": _HASH, "items": [_ITEM]}}}
    return {"requestBody": {"required": True, "content": content}}


def _item(known: Known, entries: dict[int, str]) -> dict[str, object]:
    if known.too_many:
        return {"own": [], "too_many": True}
    for one in (*known.own, *([known.received] if known.received else [])):
        if one.index not in entries:
            entries[one.index] = one.raw.hex()
    told: dict[str, object] = {"own": [_named(one) for one in known.own]}
    return told if known.received is None else {**told, "received": _named(known.received)}


def _named(one: ItemEntry) -> dict[str, object]:
    named: dict[str, object] = {"index": one.index, "role": one.role}
    return named if one.spends == Z else {**named, "spends": one.spends.hex()}
