"""Serial guessing: look-ups of packs that no entry names, counted by product and by requestor.

Operational and not of the log: nobody signs a question, so an audit cannot make these findings
again, and they have no case. Counting is a step in memory; a crash forgets some seconds of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ledger.core.custody.findings import RULES, Rule
from ledger.core.custody.settings import DEFAULT_SETTINGS, RuleSetting
from ledger.core.identifiers import item_key
from ledger.service.case_ports import CaseStore, FindingFilter, Guesses, ListedFinding

CODE: Final = Rule.SERIAL_GUESSING.value
CLASS: Final = RULES[Rule.SERIAL_GUESSING].finding_class.value
WINDOW_MS: Final = 3_600_000
# Who guesses is seen for this long after the hour in which it was done.
KEPT_WINDOWS: Final = 24
# Counters in memory between two writes; attack: any number of products or requestors.
MAX_COUNTERS: Final = 1_000
# Products that are shown; more at once is an attack on all, which a thousandth of them shows.
MAX_SHOWN: Final = 500
# Where there are too many to be told apart.
_OTHERS: Final = b"others"
_REQUESTOR_BYTES: Final = 8
_GTIN: Final = "/01/"
_GTIN_END: Final = 18


@dataclass(slots=True)
class Guessing:
    """Counts failing look-ups; `limit` of them within an hour make a finding, 0 none ever.

    Of the rule's setting `enabled` and `severity` count: it has no grace.
    """

    store: CaseStore
    limit: int
    now_ms: Callable[[], int]
    rule: RuleSetting = DEFAULT_SETTINGS.rules[Rule.SERIAL_GUESSING]
    _counters: dict[tuple[int, str, bytes], int] = field(default_factory=dict)

    def note(self, path: str, requestor: str) -> None:
        """Count a look-up of an item, by canonical path, that no entry names; no I/O."""
        if not self._is_on() or not path.startswith(_GTIN):
            return
        window = self._window()
        # No other hour has this name: who asked is not followed from one to the next.
        name = sha256(f"{window} {requestor}".encode()).digest()[:_REQUESTOR_BYTES]
        key = (window, path[len(_GTIN) : _GTIN_END], name)
        if key not in self._counters and len(self._counters) >= MAX_COUNTERS:
            key = (window, key[1], _OTHERS)
            if key not in self._counters and len(self._counters) >= 2 * MAX_COUNTERS:
                return
        self._counters[key] = self._counters.get(key, 0) + 1

    def write(self) -> None:
        """Store what was counted, and forget what is old; blocks on the database."""
        counted, self._counters = self._counters, {}
        if counted:
            self.store.add_guesses(counted, self._window() - KEPT_WINDOWS * WINDOW_MS)

    def findings(self, wanted: FindingFilter) -> list[ListedFinding]:
        """Return products of which, or by one requestor, too many serials were asked for.

        By the window that runs and the one before it.
        """
        severity = self.rule.severity.value
        rules = ((wanted.code, CODE), (wanted.finding_class, CLASS), (wanted.severity, severity))
        of_the_log = (wanted.party, wanted.since, wanted.case)
        is_asked = all(asked in (None, is_so) for asked, is_so in rules)
        if not self._is_on() or not is_asked or any(one is not None for one in of_the_log):
            return []
        rows = self.store.guesses(self._window() - WINDOW_MS, self.limit, MAX_SHOWN)
        found = {one.gtin: _finding(one, severity) for one in rows}
        return [one for one in found.values() if wanted.item in (None, one.item_key)]

    def _is_on(self) -> bool:
        return self.limit > 0 and self.rule.enabled

    def _window(self) -> int:
        return self.now_ms() // WINDOW_MS * WINDOW_MS


def _finding(one: Guesses, severity: str) -> ListedFinding:
    path = f"{_GTIN}{one.gtin}"
    who = "one requestor" if one.requestors == 1 else f"{one.requestors} requestors"
    return ListedFinding(
        path=path, item_key=item_key(path), code=CODE, severity=severity, finding_class=CLASS,
        evidence=(),
        detail=f"{one.failures} look-ups of serials that no entry names, within an hour, by {who}.",
    )  # fmt: skip
