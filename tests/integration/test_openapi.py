"""The served interface against its own OpenAPI document: no 5xx, nothing undocumented."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup

from api.app import create_app
from ledger.bootstrap import Node
from tests.integration.conftest import opened_ledger, serving
from tests.integration.partners import (
    Partner,
    commission,
    document,
    new_item,
    path_of,
    post,
    ship,
    signed,
)

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
# Of each operation in each mode: enough to meet every parameter absent, empty, odd and long.
EXAMPLES = {GenerationMode.POSITIVE: 10, GenerationMode.NEGATIVE: 6}
HOST = re.compile(r"(https?:)//[^/?#]*", re.IGNORECASE)
# EPCIS 2.0 section 12: what is not offered is answered 501.
EXCEPTED = {("not_a_server_error", "DELETE /epcis/nextPageToken/{token}")}
# Of the standard alone there are more (reference b5): an empty document would pass all else.
FEWEST_OPERATIONS = 50
FEWEST_ANSWERS = 30
# Entries; a tile with as many is asked for by its name alone.
FULL_TILE = 256


@pytest.fixture(scope="module")
def operations() -> Iterator[list[Any]]:
    """Every operation that a server of its own offers: what is made here disturbs nobody."""
    with opened_ledger() as node, serving(create_app(node)) as api:
        schema = schemathesis.openapi.from_dict(api.get("/openapi.json").json())
        schema.config.update(base_url=str(api.base_url))
        yield [one.ok() for one in schema.get_all_operations()]


def literal(value: object) -> object:
    """A URL with an address for its host: tests ask no name server, and none asks for them."""
    return HOST.sub(r"\1//192.0.2.1", value) if isinstance(value, str) else value


def faults(operation: Any, mode: GenerationMode) -> Iterator[str]:  # noqa: ANN401
    """What is wrong with the answers of an operation, over the same examples each time."""
    found: dict[int, str] = {}
    checks = [CHECKS.get_one(name) for name in CHECKED if (name, operation.label) not in EXCEPTED]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES[mode], derandomize=True, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def run(case: Any) -> None:  # noqa: ANN401
        if isinstance(case.body, dict):
            case.body = {name: literal(value) for name, value in case.body.items()}
        response = case.call()
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as failures:
            found.setdefault(response.status_code, str(failures))

    run()
    for text in found.values():
        yield f"{operation.label}, {mode.value}: {text}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_documented(mode: GenerationMode, operations: list[Any]) -> None:
    assert len(operations) > FEWEST_OPERATIONS
    if mode is GenerationMode.NEGATIVE:  # any text fits a path; what else could be given wrongly
        operations = [one for one in operations if one.query or one.headers or one.body]
    wrong = [one for operation in operations for one in faults(operation, mode)]
    assert not wrong, "\n\n".join(wrong)


def test_what_is_there_is_as_documented(
    node: Node, api: httpx.Client, captured: Callable[..., Any],
    partner: Callable[..., Partner], settle: Callable[[], int],
) -> None:  # fmt: skip
    maker, item = partner("Documented"), new_item()
    place = f"https://id.gs1.org/414/{maker.gln}"
    made = commission(item) | {
        "disposition": "active", "readPoint": {"id": place}, "bizLocation": {"id": place},
    }  # fmt: skip
    job = captured(maker, made)
    for buyer in (partner("First"), partner("Second")):  # so that there is evidence of it
        raw = document(ship(item, to=buyer))
        assert post(api, signed(node, raw, maker, token=b"t" * 32), raw).status_code == 202
    size = settle()
    api.post("/epcis/queries", json={"name": "documented", "query": {"EQ_action": ["ADD"]}})
    values = {
        "captureID": job["captureID"], "eventID": quoted(job["results"][0]["eventID"]),
        "eventType": "ObjectEvent", "bizStep": "commissioning", "disposition": "active",
        "epc": quoted(item), "bizLocation": quoted(place), "readPoint": quoted(place),
        "queryName": "documented", "item": path_of(item)[1:], "size": size,
        "address": f"0x{maker.address.hex()}", "level": 0, "event": job["results"][0]["logIndex"],
        "tile": f"000.p/{size}" if size < FULL_TILE else "000",
    }  # fmt: skip
    schema = schemathesis.openapi.from_dict(api.get("/openapi.json").json())
    schema.config.update(base_url=str(api.base_url))
    asked = 0
    for operation in (found.ok() for found in schema.get_all_operations()):
        names = set(re.findall(r"{(\w+)", operation.path))
        if operation.method.upper() == "GET" and names <= values.keys():
            case = operation.Case(path_parameters={name: values[name] for name in names})
            response = case.call()
            assert response.status_code == 200, (operation.label, response.text)
            case.validate_response(response, checks=[CHECKS.get_one(name) for name in CHECKED])
            asked += 1
    assert asked > FEWEST_ANSWERS


def quoted(text: str) -> str:
    return quote(text, safe="")
