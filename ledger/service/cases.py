"""Cases and findings as they are asked for: open, over time, and as they change."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.core.cases import ID_BYTES, case_id
from ledger.core.errors import MalformedError, NotFoundError
from ledger.core.identifiers import item_key
from ledger.service.case_ports import (
    ActJob,
    CaseStore,
    FindingFilter,
    ListedCase,
    ListedFinding,
    NotedChange,
    ShownAct,
    ToldChange,
)
from ledger.service.guesses import Guessing

# One page of a list; a client asks for the next with `after`.
MAX_PAGE: Final = 500
# Of one case; a case with more has been argued about for years.
MAX_TURNS: Final = 500
# What a follower holds in memory, some 500 bytes each.
FOLLOWED: Final = 200
_OPEN_CURSOR = re.compile(r"([0-9a-f]{64})\.([A-Z_]{1,64})", re.ASCII)
_PAST_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)
JOB_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    """A case with what made it: changes of its finding, and acts, both in order."""

    listed: ListedCase
    changes: Sequence[NotedChange]
    acts: Sequence[ShownAct]


@dataclass(frozen=True, slots=True)
class Told:
    """What a follower is told; `reached` is where it goes on, `ids` whose index is complete.

    A change has an id when it is the last of its index: who comes back with it missed none, and is
    told again at most of what was found later at that index.
    """

    changes: Sequence[ToldChange]
    ids: Sequence[int | None]
    reached: int


@dataclass(slots=True)
class Cases:
    """Answers questions about findings and cases."""

    store: CaseStore
    guessing: Guessing

    def open_findings(
        self, wanted: FindingFilter, after: str | None, limit: int
    ) -> tuple[list[ListedFinding], str | None]:
        """Return a page of open findings by item key and code, and where the next begins.

        Those of serial guessing stand among them, by the key of the product; they are not of the
        log, and so have no case and no index.

        Raises:
            MalformedError: `after` is of no such page.
        """
        behind = _open_cursor(after)
        limit = min(limit, MAX_PAGE)
        found = self.store.open_findings(wanted, behind, limit)
        found += [one for one in self.guessing.findings(wanted) if _key(one) > behind]
        page = sorted(found, key=_key)[:limit]
        cursor = f"{page[-1].item_key.hex()}.{page[-1].code}" if len(page) == limit else None
        return page, cursor

    def past_findings(
        self, wanted: FindingFilter, after: str | None, limit: int, *, closed_only: bool
    ) -> tuple[list[ListedFinding], str | None]:
        """Return a page of findings over time, in the order of opening, and where the next begins.

        Raises:
            MalformedError: `after` is of no such page.
        """
        if after is not None and not _PAST_CURSOR.fullmatch(after):
            raise MalformedError("after", "is `next` of the page before", after)
        limit = min(limit, MAX_PAGE)
        page = self.store.past_findings(
            wanted, closed_only=closed_only, after=int(after or 0), limit=limit
        )
        return page, str(page[-1].id) if len(page) == limit else None

    def cases(
        self, wanted: FindingFilter, after: str | None, limit: int
    ) -> tuple[list[ListedCase], str | None]:
        """Return a page of cases by id, and where the next begins.

        Raises:
            MalformedError: `after` is no id.
        """
        behind = b"" if after is None else _id("after", after)
        limit = min(limit, MAX_PAGE)
        page = self.store.listed_cases(wanted, behind, limit)
        return page, page[-1].row.id.hex() if len(page) == limit else None

    def case(self, name: str) -> ShownCase:
        """Return a case by its id.

        Raises:
            MalformedError: It is no id.
            NotFoundError: No finding ever opened it.
        """
        wanted = _id("case", name)
        found = self.store.listed_cases(FindingFilter(), b"", 1, wanted)
        if not found:
            raise NotFoundError(f"no case has the id {name}")
        row = found[0].row
        return ShownCase(
            listed=found[0],
            changes=self.store.case_changes(row.item_key, row.code, MAX_TURNS),
            acts=self.store.case_acts(row.id, MAX_TURNS),
        )

    def act_job(self, name: str) -> ActJob:
        """Return what became of a submission of acts.

        Raises:
            NotFoundError: None has that id.
        """
        try:
            raw = bytes.fromhex(name)
        except ValueError:
            raw = b""
        job = self.store.act_job(raw) if len(raw) == JOB_BYTES and raw.hex() == name else None
        if job is None:
            raise NotFoundError(f"no submission of acts has the id {name[:64]!r}")
        return job

    def changes_to(self) -> int:
        """Return the number of the last change that can be told."""
        return self.store.changes_to()

    def begin(self, last_id: int | None, after: int | None) -> int:
        """Return where a follower begins: behind the index it has seen, or one it names, or now.

        Args:
            last_id: The last id it was given; what was found later at that index is told again.
            after: A log index; everything behind it is told, from -1 on all.
        """
        if last_id is not None:
            return self.store.change_before(last_id, seen=True)
        if after is not None:
            return self.store.change_before(after, seen=False)
        return self.store.changes_to()

    def follow(self, wanted: FindingFilter, after: int) -> Told:
        """Return the next changes behind one, at most FOLLOWED; blocks on the database."""
        up_to = self.store.changes_to()
        found = self.store.told_changes(wanted, after, up_to, FOLLOWED + 1)
        told, rest = found[:FOLLOWED], found[FOLLOWED:]
        following = [*(one.index for one in found[1:]), None]
        ids = [
            one.index if one.index != next_index else None
            for one, next_index in zip(told, following, strict=False)
        ]
        return Told(told, ids, told[-1].seq if rest else max(after, up_to))


def case_of_item(path: str, code: str) -> str:
    """Return the id of the case of an item, by its canonical path, and a rule."""
    return case_id(item_key(path), code).hex()


def _key(finding: ListedFinding) -> tuple[bytes, str]:
    return finding.item_key, finding.code


def _open_cursor(after: str | None) -> tuple[bytes, str]:
    if after is None:
        return b"", ""
    match = _OPEN_CURSOR.fullmatch(after)
    if match is None:
        raise MalformedError("after", "is `next` of the page before", after)
    return bytes.fromhex(match[1]), match[2]


def _id(field: str, text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != ID_BYTES or raw.hex() != text:
        raise MalformedError(field, f"is {ID_BYTES} bytes in lower-case hexadecimal", text)
    return raw
