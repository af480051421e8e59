"""Serial guessing over HTTP: look-ups that fail are counted, those that do not are not."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.guess_watch import keep_guesses
from ledger.bootstrap import Node
from ledger.service.guesses import Guessing
from tests.integration.conftest import serving
from tests.integration.partners import Partner, commission, gtin, new_item, path_of


@pytest.fixture
def watched(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """An API that stores what it counted at once."""
    monkeypatch.setattr("api.guess_watch.WRITE_S", 0.02)
    wary = replace(node, settings=replace(node.settings, guessing_limit=3))
    with serving(create_app(wary)) as client:
        yield client


def guesses(api: httpx.Client, product: str) -> list[dict[str, Any]]:
    asked = {"code": "SERIAL_GUESSING", "item": product}
    found: list[dict[str, Any]] = api.get("/findings", params=asked).json()["findings"]
    return found


def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError("it never held")


def test_look_ups_that_fail_are_a_procedural_finding_of_the_product(
    watched: httpx.Client, partner: Callable[..., Partner], captured: Callable[..., Any]
) -> None:
    item, product = new_item(), f"/01/{gtin(777)}"
    captured(partner("Known"), commission(item))
    for number in range(4):
        assert watched.get(f"/items{path_of(item)}").status_code == 200
        assert watched.get(f"/items{product}/21/X{number}").status_code == 404
    until(lambda: bool(guesses(watched, product)))
    (found,) = guesses(watched, product)
    assert found == {
        "code": "SERIAL_GUESSING", "severity": "operational", "class": "procedural", "evidence": [],
        "item": product, "item_key": found["item_key"], "detail": found["detail"],
    }  # fmt: skip
    assert "4 look-ups" in found["detail"]
    for severity, is_told in (("operational", True), ("medium", False)):
        asked = {"code": "SERIAL_GUESSING", "severity": severity, "limit": "500"}
        told = watched.get("/findings", params=asked).json()["findings"]
        assert (product in [one["item"] for one in told]) == is_told
    # Among whatever else of its class the ledger has, on some page.
    asked, listed = {"class": "procedural", "limit": "500"}, list[str]()
    while True:
        page = watched.get("/findings", params=asked).json()
        listed += [one["item"] for one in page["findings"]]
        if "next" not in page:
            break
        asked["after"] = page["next"]
    assert product in listed
    # By one requestor, of whatever products: it was the same one.
    other = f"/01/{gtin(778)}"
    watched.get(f"/items{other}/21/1")
    until(lambda: bool(guesses(watched, other)))
    cases = watched.get("/cases", params={"code": "SERIAL_GUESSING"}).json()
    assert cases == {"cases": []}


def test_it_stands_among_the_open_findings_page_after_page(
    watched: httpx.Client, node: Node
) -> None:
    product = f"/01/{gtin(779)}"
    for number in range(3):
        watched.get(f"/items{product}/21/Y{number}")
    until(lambda: bool(guesses(watched, product)))
    seen: list[tuple[str, str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = watched.get("/findings", params={"limit": "3", **cursor}).json()
        seen += [(one["item_key"], one["code"]) for one in page["findings"]]
        if "next" not in page:
            break
        cursor = {"after": page["next"]}
    assert seen == sorted(set(seen))
    assert "SERIAL_GUESSING" in {code for _, code in seen}
    assert node.settings.guessing_limit == 30


def test_a_database_that_is_away_loses_counts_and_no_answer() -> None:
    class Away(Guessing):
        def write(self) -> None:
            from sqlalchemy.exc import OperationalError  # noqa: PLC0415

            calls.append(1)
            raise OperationalError("insert", {}, Exception("away"))

    calls: list[int] = []
    store: Any = None

    async def run() -> None:
        task = asyncio.create_task(keep_guesses(Away(store=store, limit=1, now_ms=lambda: 0)))
        while len(calls) < 2:  # noqa: ASYNC110 -- until it has gone on behind a failure
            await asyncio.sleep(0.02)
        assert not task.done()
        task.cancel()

    patched = pytest.MonkeyPatch()
    patched.setattr("api.guess_watch.WRITE_S", 0.01)
    asyncio.run(run())
    patched.undo()
