"""Tokens and what becomes of them: incoming handoffs, evidence of a double spend."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.items import NO_STORE, ItemRoutes, item_path
from api.routing import GIVEN, problems
from ledger.core.entries import Z
from ledger.core.identifiers import item_key
from ledger.service.evidence import MEDIA_TYPE, EvidenceMaker
from ledger.service.incoming import MAX_ITEMS, Incoming, Known
from ledger.service.token_ports import ItemEntry

_PREFIX, _SUFFIX = "/items/", "/evidence"
_PATH_BYTES = 2_048  # as an identifier may have
_ITEM = "/01/04012345111118/21/987"
_HASH = "5f" * 32


class AskedItems(BaseModel):
    """Of which items a party wants to know how it came by them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"party": _HASH, "items": [_ITEM]}}
    )
    party: str = Field(pattern="^[0-9a-f]{64}$", description="Party key.")
    items: list[Annotated[str, Field(min_length=1, max_length=_PATH_BYTES)]] = Field(
        max_length=MAX_ITEMS, description="Canonical paths."
    )


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
            responses={200: {"model": IncomingHandoffs}, **problems(400, 422)},
        )  # fmt: skip
        router.add_api_route(
            "/items/{item:path}/evidence", self.evidence, methods=["GET"],
            response_description=GIVEN, response_class=Response,
            responses={200: evidence, **problems(400, 404)},
        )  # fmt: skip
        return router

    def incoming(self, asked: AskedItems) -> Response:
        """Tell a party's client how it came by items: what it fills tokens in by."""
        keys = [item_key(path) for path in asked.items]
        known = self._incoming.known(bytes.fromhex(asked.party), keys)
        entries: dict[int, str] = {}
        items = [_item(one, entries) for one in known]
        listed = [{"index": index, "entry": entries[index]} for index in sorted(entries)]
        content = orjson.dumps({"entries": listed, "items": items})
        return Response(content, media_type="application/json", headers=NO_STORE)

    def evidence(
        self,
        request: Request,
        item: Annotated[str, Path(examples=["01/04012345111118/21/987"])],  # noqa: ARG002 -- read raw
    ) -> Response:
        """Give the proof that one key handed an item to two owners, byte for byte."""
        raw: bytes = request.scope["raw_path"]
        name = raw.decode("latin-1").partition("?")[0].removeprefix(_PREFIX)
        if not name.endswith(_SUFFIX):  # an escape in it: a serial that reads as our word
            return self._items.named(request)
        made = self._maker.double_spend(item_path(name.removesuffix(_SUFFIX)))
        return Response(made, media_type=MEDIA_TYPE, headers=NO_STORE)


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
