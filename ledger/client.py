"""A partner's side of the HTTP interface: sign with `ledger.core.submission`, send, wait, fetch."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote

import httpx

from ledger.core.claiming import (
    Pages,
    SentVoids,
    SignedEvents,
    ToldEntry,
    asked_items,
    sent_voids,
    signed_events,
    told_entries,
    untold_items,
)
from ledger.core.drafts import Draft, draft_events
from ledger.core.entries import Address
from ledger.core.epcis.read import is_xml
from ledger.core.errors import (
    LedgerError,
    MalformedError,
    NotAnchoredError,
    NotFoundError,
    NotPermittedError,
)
from ledger.core.facts import LogIdentity
from ledger.core.merkle import ReadNode
from ledger.core.signatures import address_of
from ledger.core.submission import Signer, format_submission, sign_events
from ledger.core.tiles import TILE_HEIGHT, TILE_WIDTH, TileReader, tile_name
from ledger.core.tokens import SpentTokenError

CAPTURE = "/epcis/capture"
INCOMING = "/handoffs/incoming"
# Items of one question: an answer of a few MB, and a document may have any number.
ASKED_AT_ONCE = 5_000
ABSENCE = "application/vnd.unbroken.absence+json"
# A boundary that no document of ours can hold by chance; the body is checked for it all the same.
BOUNDARY = b"unbroken-9d4f7e5b0c6a4f0f8e3b"
TIMEOUT_S = 60.0
POLL_S = 0.1


class UnreachableError(LedgerError):
    """The ledger does not answer."""


class RefusedDocumentError(MalformedError):
    """The ledger refused a document; `errors` are the findings that it tells."""

    def __init__(
        self, field: str, rule: str, value: object, errors: Sequence[Mapping[str, Any]]
    ) -> None:
        """Take the members of the problem."""
        super().__init__(field, rule, value)
        self.errors = list(errors)


class Journals(Protocol):
    """The journal of what was signed on this machine, as `ledger.journal.Journal`."""

    def signing(
        self, chain_id: int, contract: bytes, party: bytes
    ) -> AbstractContextManager[Pages]:
        """Open a party's pages for one document; leaving it commits, an error rolls back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A document that was sent: its job, and the events that were not signed, by position."""

    job: str
    refused: Mapping[int, SpentTokenError]


class LedgerClient:
    """Talks to one ledger; blocking."""

    def __init__(self, url: str, journal: Journals | None = None) -> None:
        """Take the base URL, e.g. http://127.0.0.1:8000, and the journal that tokens need.

        Without a journal handoffs claim nothing.
        """
        self.url, self._journal = url, journal
        self._voids: dict[str, SentVoids] = {}
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Close the connections."""
        self._http.close()

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self.url} does not answer: {error}") from error
        if answer.is_error:
            raise _problem(answer)
        return answer

    def get(self, path: str) -> Any:  # noqa: ANN401 -- JSON
        """Return a resource's JSON."""
        return self._request("GET", path).json()

    def identity(self) -> LogIdentity:
        """Return the identity of the log, as it says of itself."""
        log = self.get("/log")
        return LogIdentity(
            origin=log["origin"],
            head_signer=Address(_unhex(log["head_signer"])),
            registrar=Address(_unhex(log["registrar"])),
            checkpoint_key=_unhex(log["checkpoint_key"]),
            chain_id=log["chain_id"],
            contract=_unhex(log["contract"]),
        )

    def capture(
        self,
        document: bytes,
        signer: Signer,
        identity: LogIdentity,
        *,
        issued_at: int,
        on_error: str = "rollback",
    ) -> str:
        """Sign a document of any EPCIS format and submit it; return the capture job's path.

        Raises as `send`.
        """
        return self.send(document, signer, identity, issued_at=issued_at, on_error=on_error).job

    def send(
        self,
        document: bytes,
        signer: Signer,
        identity: LogIdentity,
        *,
        issued_at: int,
        on_error: str = "rollback",
        claims: bool = True,
    ) -> Captured:
        """Sign a document of any EPCIS format and submit it.

        An event that cannot be signed is sent all the same: the ledger tells what is wrong with
        it, and `on_error` ("rollback" or "proceed") what that means for the others. Handoffs to an
        owner claim tokens (docs/spec/tokens.md) unless claims is False; what is signed stands in
        the journal before it is sent.

        Raises:
            MalformedError: The document cannot be read, or the ledger refused it.
            NotPermittedError: The key is not active.
            SpentTokenError: A second owner for a spent token, on_error "rollback": nothing is sent.
            UnreachableError: No answer.
        """
        drafts = draft_events(document, signer.party, signer.party_secret, lenient=True)
        keep_going = on_error == "proceed"
        try:
            made = self._sign(drafts, signer, identity, claims=claims, keep_going=keep_going)
        except SpentTokenError as error:
            raise self._named(error) from None
        submission = sign_events(
            document, made.events, signer, identity.domain(), issued_at=issued_at
        )
        body = multipart(format_submission(submission), document, media_type_of(document))
        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}",
            "GS1-Capture-Error-Behaviour": on_error,
        }
        answer = self._request("POST", CAPTURE, content=body, headers=headers)
        job, voids = str(answer.headers["Location"]), sent_voids(drafts, made, signer.party)
        if voids.leaves:
            self._voids[job] = voids
        refused = {place: self._named(error) for place, error in made.refused.items()}
        return Captured(job=job, refused=refused)

    def _named(self, error: SpentTokenError) -> SpentTokenError:
        """Return a refusal with the first owner's path, if the ledger knows the party."""
        if error.first.label:
            return error
        paths = {one["party"]: one.get("path") for one in self.get("/parties")["parties"]}
        return error.named(paths.get(error.first.entry.to_owner.hex()) or "")

    def _sign(
        self, drafts: Sequence[Draft], signer: Signer, identity: LogIdentity, *, claims: bool,
        keep_going: bool,
    ) -> SignedEvents:  # fmt: skip
        address = address_of(signer.private_key)
        if self._journal is None:
            return signed_events(drafts, signer.party, address)
        asked = asked_items(drafts) if claims else {}
        for job in [job for job, sent in self._voids.items() if sent.items & asked.keys()]:
            self.wait(job)  # a void counts from when it is logged
        told, untold = self._told(signer.party, asked)
        asked = {key: path for key, path in asked.items() if key not in untold}
        with self._journal.signing(identity.chain_id, identity.contract, signer.party) as pages:
            for one in told:
                pages.learn(one.index, one.raw, one.names, is_own=one.is_own)
            return signed_events(drafts, signer.party, address, pages, asked, keep_going=keep_going)

    def _told(self, party: bytes, asked: Mapping[bytes, str]) -> tuple[list[ToldEntry], set[bytes]]:
        """Return how a party came by items, and the items of which the ledger cannot tell all.

        From a ledger that tells nothing of that kind, nothing.
        """
        keys, told, untold = list(asked), list[ToldEntry](), set[bytes]()
        for start in range(0, len(keys), ASKED_AT_ONCE):
            part = keys[start : start + ASKED_AT_ONCE]
            body = {"party": party.hex(), "items": [asked[key] for key in part]}
            try:
                answer = self._request("POST", INCOMING, json=body)
            except NotFoundError:
                break
            content = answer.json()
            told += told_entries(content, party, part)
            untold |= untold_items(content, part)
        return told, untold

    def dry_run(self, document: bytes) -> dict[str, Any]:
        """Return verdict and findings of a document of which nothing is stored.

        Raises:
            MalformedError: The ledger does not take it, not even to look at.
            UnreachableError: No answer.
        """
        headers = {"Content-Type": media_type_of(document)}
        answer = self._request(
            "POST", CAPTURE, content=document, headers=headers, params={"dryRun": "true"}
        )
        told: dict[str, Any] = answer.json()
        return told

    def double_spend(self, item: str) -> bytes:
        """Return the evidence that one key handed an item to two owners.

        Raises:
            NotFoundError: No key did.
        """
        name = item[1:] if item.startswith("/") else quote(item, safe="")
        return self._request("GET", f"/items/{name}/evidence").content

    def tile(self, level: int, index: int, width: int) -> bytes:
        """Return the first `width` hashes of a tile of the log's tree.

        Raises:
            NotFoundError: The log has not that many nodes there.
        """
        return self._request("GET", f"/tile/{level}/{tile_name(index, width)}").content

    def tree_at(self, size: int) -> ReadNode:
        """Return the node reader of the log's first size leaves."""

        def read_tile(level: int, index: int) -> bytes:
            nodes = (size >> level * TILE_HEIGHT) - index * TILE_WIDTH
            return self.tile(level, index, min(TILE_WIDTH, nodes))

        return TileReader(read_tile).at(size)

    def send_acts(self, part: bytes) -> str:
        """Submit signed acts on findings; return their job's path.

        Raises:
            MalformedError: The ledger refused them.
            NotPermittedError: The key is not active.
            UnreachableError: No answer.
        """
        headers = {"Content-Type": "application/json"}
        answer = self._request("POST", "/acts", content=part, headers=headers)
        return str(answer.headers["Location"])

    def job(self, location: str) -> dict[str, Any]:
        """Return a capture job; the journal learns which voids of it the log has."""
        job: dict[str, Any] = self.get(location)
        voids = None if job["running"] else self._voids.pop(location, None)
        if voids is not None and self._journal is not None:
            home = self.identity()
            with self._journal.signing(home.chain_id, home.contract, voids.party) as pages:
                voids.learn(job["results"], pages)
        return job

    def wait(self, location: str, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """Return a capture job when it no longer runs.

        Raises:
            UnreachableError: It still runs after timeout_s: is the worker up?
        """
        deadline = time.monotonic() + timeout_s
        while True:
            job = self.job(location)
            if not job["running"]:
                return job
            if time.monotonic() > deadline:
                raise UnreachableError(f"{location} still runs after {timeout_s:.0f} s")
            time.sleep(POLL_S)

    def proof(self, item: str, viewer: str | None = None) -> bytes:
        """Return the bundle of an item, given as canonical path or any identifier.

        Args:
            item: The item.
            viewer: Party that it is for, None for everything.

        Raises:
            NotAnchoredError: No final anchor covers it yet.
            NotFoundError: The log does not name it.
            NotPermittedError: The viewer may see no entry of it.
        """
        content, is_absence = self.evidence(item, viewer)
        if is_absence:
            raise NotFoundError(f"no entry of the log names {item}")
        return content

    def evidence(self, item: str, viewer: str | None = None) -> tuple[bytes, bool]:
        """Return the bundle of an item or the proof that no entry names it; which, as a flag.

        Raises:
            NotAnchoredError: No final anchor covers it yet.
            NotPermittedError: The viewer may see no entry of it.
        """
        name = item[1:] if item.startswith("/") else quote(item, safe="")
        asked = {} if viewer is None else {"viewer": viewer}
        answer = self._request("GET", f"/items/{name}/proof", params=asked)
        return answer.content, answer.headers["Content-Type"] == ABSENCE

    def disclosure(self, event: str, fields: Sequence[str], items: Sequence[str]) -> bytes:
        """Return chosen fields and items of an event, given as log index, eventID or leaf hash.

        Raises:
            MalformedError: The event has no such field or item, or the eventID is of several.
            NotAnchoredError: No final anchor covers it yet.
            NotFoundError: There is no such event, or it was erased.
        """
        asked = {"field": list(fields), "item": list(items)}
        return self._request("GET", f"/disclosures/{quote(event, safe='')}", params=asked).content


def media_type_of(document: bytes) -> str:
    """Return the media type that a document's content has."""
    return "application/xml" if is_xml(document) else "application/ld+json"


def multipart(part: bytes, document: bytes, media_type: str = "application/ld+json") -> bytes:
    """Return the two-part body of a capture request (docs/spec/submission.md).

    Raises:
        MalformedError: The document holds our boundary.
    """
    if BOUNDARY in document:
        raise MalformedError("document", "does not hold the multipart boundary")
    return b"".join(
        [
            b"--", BOUNDARY, b'\r\nContent-Disposition: form-data; name="submission"\r\n',
            b"Content-Type: application/json\r\n\r\n", part,
            b"\r\n--", BOUNDARY, b'\r\nContent-Disposition: form-data; name="document"\r\n',
            b"Content-Type: ", media_type.encode(), b"\r\n\r\n", document,
            b"\r\n--", BOUNDARY, b"--\r\n",
        ]
    )  # fmt: skip


def _problem(answer: httpx.Response) -> LedgerError:
    try:
        problem = answer.json()
    except ValueError:
        return UnreachableError(f"{answer.url} answered {answer.status_code} without a problem")
    detail = str(problem.get("detail") or problem.get("title"))
    match answer.status_code:
        case 401 | 403:
            return NotPermittedError(detail)
        case 404:
            return NotFoundError(detail)
        case 409:
            return NotAnchoredError(detail)
        case status if status >= 500:  # noqa: PLR2004
            return UnreachableError(f"{answer.url} answered {status}: {detail}")
        case _:
            return RefusedDocumentError(
                str(problem.get("field", "request")), str(problem.get("rule", detail)),
                problem.get("value"), problem.get("errors", ()),
            )  # fmt: skip


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
