"""The API as it is served, with the peers of the server goals beside its routes.

`uvicorn --factory benchmarks.served:create`. The trivial endpoints are what FastAPI itself costs.
The textbook one does the work of our intake as tutorials write it: a Pydantic model, typed data
hashed and recovered by eth-account, the signer looked up, an ORM session and a commit, in a `def`
endpoint.
"""

import gc
import json
from hashlib import sha256
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import LargeBinary, String, create_engine, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from api.app import create_app
from api.main import GC_THRESHOLD
from ledger.bootstrap import open_node
from ledger.settings import read_settings

TRIVIAL, TEXTBOOK = "/benchmark/trivial", "/benchmark/textbook"
DOMAIN = {"name": "Textbook", "version": "1", "chainId": 31337}
TYPES = {
    "Capture": [
        {"name": "documentHash", "type": "bytes32"},
        {"name": "issuedAt", "type": "uint64"},
        {"name": "signer", "type": "address"},
    ]
}


class _Base(DeclarativeBase):
    pass


class _Partner(_Base):
    __tablename__ = "benchmark_partner"
    address: Mapped[str] = mapped_column(String, primary_key=True)


class _Captured(_Base):
    __tablename__ = "benchmark_textbook"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    signer: Mapped[str] = mapped_column(String, index=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)


class _Event(BaseModel):
    model_config = ConfigDict(extra="allow")
    type: str
    eventTime: str  # noqa: N815 -- EPCIS
    eventTimeZoneOffset: str  # noqa: N815 -- EPCIS
    action: str
    bizStep: str  # noqa: N815 -- EPCIS
    disposition: str
    epcList: list[str]  # noqa: N815 -- EPCIS


class _Body(BaseModel):
    eventList: list[_Event]  # noqa: N815 -- EPCIS


class _Document(BaseModel):
    model_config = ConfigDict(extra="allow")
    context: list[str] = Field(alias="@context")
    type: str
    schemaVersion: str  # noqa: N815 -- EPCIS
    epcisBody: _Body  # noqa: N815 -- EPCIS


class _Capture(BaseModel):
    document: _Document
    issued_at: int
    signer: str
    signature: str


class _Answer(BaseModel):
    id: int
    digest: str


def signable(document: object, issued_at: int, signer: str) -> tuple[bytes, Any]:
    """Return the hash of a document and the typed message that is signed."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    digest = sha256(canonical).digest()
    message = {"documentHash": digest, "issuedAt": issued_at, "signer": signer}
    return digest, encode_typed_data(DOMAIN, TYPES, message)


async def _post(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


async def _get() -> dict[str, str]:
    return {"status": "ok"}


def _add_textbook(app: FastAPI, url: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    _Base.metadata.create_all(engine)

    def capture(body: _Capture) -> _Answer:
        document = body.document.model_dump(by_alias=True, exclude_unset=True)
        digest, message = signable(document, body.issued_at, body.signer)
        if Account.recover_message(message, signature=body.signature) != body.signer:
            raise HTTPException(401)
        with Session(engine) as session:
            if session.scalar(select(_Partner).where(_Partner.address == body.signer)) is None:
                raise HTTPException(403)
            row = _Captured(digest=digest, signer=body.signer, document=document)
            session.add(row)
            session.commit()
            session.refresh(row)
            return _Answer(id=row.id, digest=row.digest.hex())

    def partner(address: str) -> None:
        with Session(engine) as session:
            session.add(_Partner(address=address))
            session.commit()

    app.add_api_route(TEXTBOOK, capture, methods=["POST"])
    app.add_api_route(f"{TEXTBOOK}/{{address}}", partner, methods=["PUT"])


def create() -> FastAPI:
    """Return the application of `api.main`, with the routes of the peers."""
    node = open_node(read_settings())
    app = create_app(node)
    app.add_api_route(TRIVIAL, _post, methods=["POST"])
    app.add_api_route(TRIVIAL, _get, methods=["GET"])
    _add_textbook(app, node.database_url)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    return app
