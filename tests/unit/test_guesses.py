"""Serial guessing: what is counted, what is bounded, and what is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.core.custody.findings import Rule
from ledger.core.custody.settings import parse_rule_settings
from ledger.core.identifiers import item_key
from ledger.service.case_ports import FindingFilter, Guesses
from ledger.service.guesses import KEPT_WINDOWS, MAX_COUNTERS, WINDOW_MS, Guessing

GTIN = "04012345111118"
PACK = f"/01/{GTIN}/21/"
NOW = 100 * WINDOW_MS + 5


@dataclass
class Counters:
    """The table of counters."""

    rows: dict[tuple[int, str, bytes], int] = field(default_factory=dict)

    def add_guesses(
        self, failures: Mapping[tuple[int, str, bytes], int], forget_before_ms: int
    ) -> None:
        for key, count in failures.items():
            self.rows[key] = self.rows.get(key, 0) + count
        self.rows = {key: n for key, n in self.rows.items() if key[0] >= forget_before_ms}

    def guesses(self, since_ms: int, least: int, limit: int) -> list[Guesses]:
        assert limit
        total = sum(n for (window, _, _), n in self.rows.items() if window >= since_ms)
        names = {name for _, _, name in self.rows}
        return [Guesses(GTIN, total, len(names))] if total >= least else []


def guessing(limit: int = 3, at: list[int] | None = None) -> tuple[Guessing, Counters]:
    store: Any = Counters()
    clock = at or [NOW]
    return Guessing(store=store, limit=limit, now_ms=lambda: clock[0]), store


def test_what_fails_too_often_is_a_finding_of_the_product() -> None:
    counter, _ = guessing()
    for number in range(2):
        counter.note(f"{PACK}{number}", "192.0.2.1")
    counter.write()
    assert counter.findings(FindingFilter()) == []
    counter.note(f"{PACK}2", "192.0.2.2")
    counter.write()
    (found,) = counter.findings(FindingFilter())
    assert (found.code, found.finding_class, found.path) == (
        "SERIAL_GUESSING", "procedural", f"/01/{GTIN}",
    )  # fmt: skip
    assert found.item_key == item_key(f"/01/{GTIN}")
    assert (found.evidence, found.case, found.changed_index) == ((), None, None)
    assert "3 look-ups" in found.detail
    assert "2 requestors" in found.detail


def test_the_settings_of_its_rule_hold() -> None:
    settings = b'[rules.SERIAL_GUESSING]\nseverity = "high"\n'
    counter, store = guessing(limit=1)
    counter.rule = parse_rule_settings(settings).rules[Rule.SERIAL_GUESSING]
    counter.note(f"{PACK}1", "192.0.2.1")
    counter.write()
    assert [one.severity for one in counter.findings(FindingFilter())] == ["high"]
    assert counter.findings(FindingFilter(severity="operational")) == []
    off = parse_rule_settings(b"[rules.SERIAL_GUESSING]\nenabled = false\n")
    counter.rule = off.rules[Rule.SERIAL_GUESSING]
    assert counter.findings(FindingFilter()) == []
    store.rows.clear()
    counter.note(f"{PACK}1", "192.0.2.1")
    counter.write()
    assert not store.rows


def test_filters_that_ask_for_the_log_get_none() -> None:
    counter, _ = guessing(limit=1)
    counter.note(f"{PACK}1", "192.0.2.1")
    counter.write()
    asked = [
        FindingFilter(code="DOUBLE_SHIP"), FindingFilter(finding_class="suspicious"),
        FindingFilter(severity="critical"), FindingFilter(item=bytes(32)),
        FindingFilter(party=bytes(32)), FindingFilter(since=-1), FindingFilter(case="open"),
    ]  # fmt: skip
    assert [counter.findings(one) for one in asked] == [[]] * len(asked)
    key = item_key(f"/01/{GTIN}")
    assert len(counter.findings(FindingFilter(code="SERIAL_GUESSING", item=key))) == 1


def test_only_packs_of_a_product_are_counted_and_nothing_with_a_limit_of_zero() -> None:
    counter, store = guessing()
    counter.note("/00/340123450000000017", "192.0.2.1")
    counter.note("uri:urn:x:1", "192.0.2.1")
    counter.write()
    off, unused = guessing(limit=0)
    off.note(f"{PACK}1", "192.0.2.1")
    off.write()
    assert store.rows == unused.rows == {}
    assert off.findings(FindingFilter()) == []


def test_a_requestor_is_another_each_hour_and_nobodys_address_is_kept() -> None:
    at = [NOW]
    counter, store = guessing(at=at)
    counter.note(f"{PACK}1", "192.0.2.1")
    at[0] += WINDOW_MS
    counter.note(f"{PACK}1", "192.0.2.1")
    counter.write()
    names = [name for _, _, name in store.rows]
    assert len(set(names)) == 2
    assert all(len(name) == 8 for name in names)


def test_what_is_old_is_forgotten() -> None:
    at = [NOW]
    counter, store = guessing(at=at)
    counter.note(f"{PACK}1", "192.0.2.1")
    counter.write()
    at[0] += (KEPT_WINDOWS + 1) * WINDOW_MS
    counter.note(f"{PACK}2", "192.0.2.1")
    counter.write()
    assert len(store.rows) == 1


def test_any_number_of_requestors_and_products_takes_bounded_memory() -> None:
    counter, store = guessing()
    for number in range(3 * MAX_COUNTERS):
        counter.note(f"{PACK}1", f"2001:db8::{number:x}")
    counter.write()
    assert sum(store.rows.values()) == 3 * MAX_COUNTERS
    assert len(store.rows) == MAX_COUNTERS + 1
    for number in range(5 * MAX_COUNTERS):
        counter.note(f"/01/{number:014d}/21/1", "192.0.2.1")
    counter.write()
    assert len(store.rows) <= 3 * MAX_COUNTERS + 1
