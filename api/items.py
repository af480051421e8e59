"""Items: custody, history and evidence of one pack, case or pallet, named in any spelling."""

import re
from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query, Request, Response

from api import schemas
from api.routing import GIVEN, problems
from ledger.core.custody.findings import Finding
from ledger.core.errors import MalformedError
from ledger.core.item_names import asked_path
from ledger.service.look_up import LookUp
from ledger.service.prove import ABSENCE_MEDIA_TYPE, MEDIA_TYPE, Prover
from ledger.service.prove_event import viewer_of
from ledger.service.read_ports import Item, Party, Sizes

_PREFIX = "/items/"
_PROOF = "/proof"
# A Digital Link path begins with an application identifier or its short name, and has no scheme.
_LINK = re.compile(r"[0-9a-z]{2,6}/", re.ASCII)
NO_STORE = {"Cache-Control": "no-store"}
# For OpenAPI alone: what names nothing is told by the rule that it breaks, as a 400.
NOT_EMPTY: Final[dict[str, Any]] = {"minLength": 1}

_ItemName = Annotated[
    str,
    Path(
        description="Canonical path without its first slash; or, percent-encoded, any spelling that"
        " `unbroken item` reads: EPC URN, Digital Link, element string, scan. Before a name that is"
        " none of these stands `uri:`. A serial that reads `proof` is written `%70roof`, one that"
        " reads `evidence` `%65vidence`.",
        json_schema_extra=NOT_EMPTY,
        examples=["01/04012345111118/21/987"],
    ),
]


def item_text(raw: str) -> str:
    """Return the spelling of an item that stands, undecoded, in the path of a request.

    Paths keep their escapes, since `%2F` in a serial is no slash; everything else is decoded once.

    Raises:
        MalformedError: It is no UTF-8.
    """
    if _LINK.match(raw):
        return f"/{raw}"
    if raw.startswith(("https://", "http://")):
        return raw
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise MalformedError("item", "must be UTF-8", raw) from None


def item_path(raw: str) -> str:
    """Return the canonical path of an item as it stands, undecoded, in the path of a request.

    Raises:
        MalformedError: It names none.
    """
    return asked_path(item_text(raw))


def _raw_name(request: Request) -> str:
    raw: bytes = request.scope["raw_path"]
    return raw.decode("latin-1").partition("?")[0].removeprefix(_PREFIX)


class ItemRoutes:
    """The routes under /items."""

    def __init__(self, reader: LookUp, prover: Prover) -> None:
        """Take the services."""
        self._reader, self._prover = reader, prover

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["Items"])
        kinds = (MEDIA_TYPE, ABSENCE_MEDIA_TYPE)
        bundle = {
            "description": "Canonical JSON: the evidence bundle (docs/spec/bundle.md), or the proof"
            " that no entry names the item (docs/spec/absence.md). The media type tells which.",
            "content": {kind: {"schema": {"type": "object"}} for kind in kinds},
        }
        router.add_api_route(
            "/items/{item:path}/proof", self.proof, methods=["GET"], response_description=GIVEN,
            response_class=Response,
            responses={200: bundle, **problems(400, 403, 404, 409, 422)},
        )  # fmt: skip
        router.add_api_route(
            "/items/{item:path}", self.item, methods=["GET"], response_description=GIVEN,
            response_model=schemas.Item,
            response_model_exclude_none=True, responses=problems(400, 404, 422),
        )  # fmt: skip
        return router

    def proof(
        self,
        request: Request,
        item: _ItemName,  # noqa: ARG002 -- for OpenAPI; read raw
        viewer: Annotated[
            str | None,
            Query(
                description="A party, by GLN, path, identifier or 64 hexadecimal digits. Entries"
                " that it has no part in are counted and not shown. It narrows, it authorizes"
                " nobody: a gateway in front sets it.",
                json_schema_extra=NOT_EMPTY,
            ),
        ] = None,
    ) -> Response:
        """Give the evidence of an item: what `unbroken-verify bundle` checks, byte for byte."""
        name = _raw_name(request)
        if not name.endswith(_PROOF):
            return self._item_response(name)
        party = None if viewer is None else viewer_of(viewer)
        proof = self._prover.evidence(item_text(name.removesuffix(_PROOF)), party)
        return Response(proof.content, media_type=proof.media_type, headers=NO_STORE)

    def _item_response(self, name: str) -> Response:
        shown = _item(*self._reader.item(item_path(name)))
        content = shown.model_dump_json(by_alias=True, exclude_none=True)
        return Response(content, media_type="application/json", headers=NO_STORE)

    def named(self, request: Request) -> Response:
        """Show the item that a path names to its last character, as `item` does."""
        return self._item_response(_raw_name(request))

    def item(
        self,
        request: Request,
        response: Response,
        item: _ItemName,  # noqa: ARG002 -- for OpenAPI; read raw
        after: Annotated[int, Query(ge=-1, description="Show events behind this index.")] = -1,
    ) -> schemas.Item:
        """Show who holds an item, its open findings, and up to 500 of its entries in the log."""
        response.headers.update(NO_STORE)
        return _item(*self._reader.item(item_path(_raw_name(request)), after))


def _item(item: Item, sizes: Sizes) -> schemas.Item:
    return schemas.Item(
        item=item.path,
        item_key=item.key.hex(),
        status=item.status,
        holder=_party(item.holder),
        shipped_to=_party(item.shipped_to),
        container=item.container,
        condition=item.condition,
        findings=[schemas.ItemFinding(**finding_members(one)) for one in item.findings],
        events=[
            schemas.ItemEvent.model_validate(
                {
                    "index": event.index,
                    "op": event.op.name,
                    "time": schemas.iso_time(event.time_ms),
                    "state": sizes.state(event.index),
                    "erased_by": event.tombstone,
                }
            )
            for event in item.events
        ],
        equivocated_keys=[
            schemas.EquivocatedKey(address=f"0x{address.hex()}", log_index=index)
            for address, index in sorted(item.equivocated.items())
        ]
        or None,
    )


def _party(party: Party | None) -> schemas.PartyName | None:
    if party is None:
        return None
    return schemas.PartyName(
        party=party.party.hex(), name=party.name or None, path=party.path or None,
        equivocated_at=min(party.equivocated.values(), default=None),
    )  # fmt: skip


def finding_members(finding: Finding) -> dict[str, object]:
    """Return the members of a finding but its item."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "finding_class": finding.finding_class,
        "evidence": list(finding.evidence),
        "detail": finding.detail,
    }
