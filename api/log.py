"""The log and its people: heads, tiles, parties, keys, health."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api import schemas
from api.routing import GIVEN, problems
from api.tiles import parse_tile
from ledger.bootstrap import STORE_ERRORS
from ledger.clock import now_ms
from ledger.core.errors import MalformedError
from ledger.core.facts import LogIdentity
from ledger.core.tiles import TILE_WIDTH
from ledger.service.look_up import LookUp
from ledger.service.ports import Head
from ledger.service.read_ports import Party

# Nothing that is signed or hashed ever changes: caches may keep it for a year.
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
# A partial tile is right for ever, but is asked for only until it is full.
_SHORTLY = {"Cache-Control": "public, max-age=60"}
_FRESH = {"Cache-Control": "no-cache"}
_NOTE = "text/plain; charset=utf-8"
_TILE = "application/octet-stream"
# A worker that is this late is stopped or stuck.
BEHIND_MS = 60_000
_ADDRESS = re.compile(r"(?:0x)?([0-9a-f]{40})", re.ASCII)
# For OpenAPI alone: what breaks them is told by its rule, as a 400.
_LEVEL: dict[str, Any] = {"pattern": "^(0|[1-9][0-9]?)$"}
_NAME: dict[str, Any] = {"pattern": r"^(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?$"}
_KeyAddress = Annotated[
    str,
    Path(examples=["0x" + "a1" * 20], json_schema_extra={"pattern": "^(0x)?[0-9a-f]{40}$"}),
]


def _text(media_type: str, description: str, example: str | None = None) -> dict[str, object]:
    schema = {"type": "string"} if example else {"type": "string", "format": "binary"}
    content = {"schema": schema, **({"example": example} if example else {})}
    return {"description": description, "content": {media_type: content}}


class LogRoutes:
    """The routes about the log as a whole."""

    def __init__(self, reader: LookUp, identity: LogIdentity) -> None:
        """Take the service and what the log's first entry fixed."""
        self._reader, self._identity = reader, identity

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        note = _text(
            "text/plain", "A C2SP signed note.", "unbroken.example/log\n29\n…\n\n— unbroken…\n"
        )
        head = {200: note, **problems(404, 422)}
        tile = {200: _text(_TILE, "Hashes, 32 bytes each."), **problems(400, 404)}
        for path, endpoint, tag, responses in (
            ("/log", self.log, "Log", problems()),
            ("/checkpoint", self.checkpoint, "Log", head),
            ("/checkpoint/{size}", self.checkpoint_of, "Log", head),
            ("/tile/{level}/{tile:path}", self.tile, "Log", tile),
            ("/parties", self.parties, "Parties", problems()),
            ("/keys/{address}", self.key, "Parties", problems(400, 404)),
        ):
            router.add_api_route(
                path, endpoint, methods=["GET"], response_description=GIVEN,
                tags=[tag], responses=responses,
                response_model_exclude_none=True,
            )  # fmt: skip
        router.add_api_route(
            "/health", self.health, methods=["GET"], response_description=GIVEN,
            tags=["Log"],
            response_model=schemas.Health, response_model_exclude_none=True,
            responses={503: {"model": schemas.Health, "description": "The database is away."}},
        )  # fmt: skip
        return router

    def log(self) -> schemas.Log:
        """Show what the log's first entry fixed, who is registrar now, and how far entries are."""
        identity, sizes = self._identity, self._reader.sizes()
        acting = self._reader.registrar() or identity.registrar
        return schemas.Log(
            log_id=identity.log_id().hex(),
            origin=identity.origin,
            registrar=f"0x{identity.registrar.hex()}",
            acting_registrar=f"0x{acting.hex()}",
            head_signer=f"0x{identity.head_signer.hex()}",
            checkpoint_key=identity.checkpoint_key.hex(),
            chain_id=identity.chain_id,
            contract=f"0x{identity.contract.hex()}",
            head=_signed_head(self._reader.last_head()),
            sizes=schemas.Sizes(
                accepted=sizes.accepted, sequenced=sizes.sequenced, integrated=sizes.integrated,
                mapped=sizes.mapped,
                published=sizes.published, anchored=sizes.anchored, final=sizes.final,
            ),
        )  # fmt: skip

    def checkpoint(self) -> Response:
        """Give the latest published head as a C2SP checkpoint."""
        return Response(self._reader.head().note, media_type=_NOTE, headers=_FRESH)

    def checkpoint_of(self, size: Annotated[int, Path(ge=1, lt=1 << 63)]) -> Response:
        """Give the checkpoint of a size that was published."""
        return Response(self._reader.head(size).note, media_type=_NOTE, headers=_FOR_EVER)

    def tile(
        self,
        level: Annotated[str, Path(examples=["0"], json_schema_extra=_LEVEL)],
        tile: Annotated[str, Path(examples=["x001/067", "000.p/29"], json_schema_extra=_NAME)],
    ) -> Response:
        """Give a C2SP hash tile; `.p/W` asks for the first W hashes of one that is not full."""
        number, index, width = parse_tile(level, tile)
        hashes = self._reader.tile(number, index, width)
        caching = _FOR_EVER if width == TILE_WIDTH else _SHORTLY
        return Response(hashes, media_type=_TILE, headers=caching)

    def parties(self) -> schemas.Parties:
        """List the registered parties and their keys."""
        return schemas.Parties(parties=[_party(one) for one in self._reader.parties()])

    def key(self, address: _KeyAddress) -> schemas.Key:
        """Show whose key an address is, and whether it may sign."""
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise MalformedError("address", "is 20 bytes in lower-case hexadecimal", address)
        key = self._reader.key(bytes.fromhex(match[1]))
        return schemas.Key(
            address=f"0x{key.address.hex()}",
            party=key.party.party.hex(),
            path=key.party.path,
            name=key.party.name,
            active=key.active and key.party.active,
            equivocated_at=key.equivocated_at,
        )

    def health(self, response: Response) -> schemas.Health:
        """Tell whether the database answers and the worker keeps up."""
        try:
            backlog = self._reader.backlog()
        except STORE_ERRORS:
            response.status_code = 503
            return schemas.Health(status="down", database=False)
        now = now_ms()
        lag = _age(now, backlog.unsequenced_ms)
        return schemas.Health(
            status="ok" if lag < BEHIND_MS else "behind",
            database=True,
            worker_lag_ms=lag,
            oldest_unfinal_ms=_age(now, backlog.unfinal_ms),
        )


def _age(now: int, since: int | None) -> int:
    return 0 if since is None else max(0, now - since)


def _signed_head(head: Head | None) -> schemas.SignedHead | None:
    if head is None:
        return None
    return schemas.SignedHead(
        size=head.size, root=head.root.hex(), map_root=head.map_root.hex(),
        signature=head.signature.hex(),
    )  # fmt: skip


def _party(party: Party) -> schemas.Party:
    return schemas.Party(
        party=party.party.hex(),
        path=party.path,
        name=party.name,
        active=party.active,
        keys=[
            schemas.PartyKey(
                address=f"0x{address.hex()}",
                active=active,
                equivocated_at=party.equivocated.get(address),
            )
            for address, active in party.keys
        ],
    )
