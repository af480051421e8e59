"""docs/epcis-rest.md says of every path of GS1's OpenAPI document what is served, and no more."""

import re
from pathlib import Path

import yaml

from api.epcis_paths import METHODS, PREFIX
from ledger.core.epcis.query import CONTROLS, MAX_PARAMETERS, MAX_VALUES
from ledger.core.epcis.query_parameters import FIXED
from ledger.service.page_tokens import LIFETIME_MS
from ledger.service.query import DEFAULT_PER_PAGE, MAX_PER_PAGE
from tests.conftest import ConformanceTally

PAGE = (Path(__file__).resolve().parents[2] / "docs/epcis-rest.md").read_text()
ROW = re.compile(r"^\| `(/[^`]*)` \| ([A-Z ]+) \| ([A-Z ]*)\|", re.MULTILINE)


def table() -> dict[str, tuple[set[str], set[str]]]:
    return {
        path: (set(told.split()), set(extra.split())) for path, told, extra in ROW.findall(PAGE)
    }


def served() -> dict[str, set[str]]:
    """Paths as GS1 writes them, without our prefix, with their methods."""
    return {
        path.removeprefix(PREFIX).replace(":path}", "}") or "/": {"OPTIONS", *methods}
        for path, methods in METHODS.items()
    }


def test_the_table_is_what_is_served() -> None:
    assert {path: told | extra for path, (told, extra) in table().items()} == served()


def test_the_table_has_every_path_of_the_standard(
    conformance_data: Path, conformance_tally: ConformanceTally
) -> None:
    document = yaml.safe_load(
        (conformance_data / "epcis/schemas/rest/openapi.yaml").read_text(encoding="utf-8")
    )
    standard = {
        path: {name.upper() for name in item if name != "parameters"}
        for path, item in document["paths"].items()
    }
    told = {path: methods for path, (methods, _) in table().items()}
    conformance_tally(len(standard), sum(told.get(path) != has for path, has in standard.items()))
    assert told == standard
    named = set(re.findall(r"#/components/parameters/([\w-]+)", str(document["paths"])))
    queried = {
        name for name in named
        if re.match(r"(EQ|GE|GT|LT|LE|MATCH|WD|EXISTS)_|eventType$", name)
    }  # fmt: skip
    assert queried <= FIXED.keys()


def test_every_parameter_is_on_the_page() -> None:
    prefixes = {"EQ", "GT", "GE", "LT", "LE", "EXISTS"}
    for name in (*FIXED, *CONTROLS):
        way, _, rest = name.partition("_")
        assert f"`{name}`" in PAGE or (way in prefixes and f"`{rest}`" in PAGE), name


def test_limits_on_the_page_are_the_programs() -> None:
    assert f"{MAX_PARAMETERS} parameters, {MAX_VALUES:,} values" in PAGE
    assert f"`perPage` is {DEFAULT_PER_PAGE} by default and at most {MAX_PER_PAGE:,}" in PAGE
    assert LIFETIME_MS == 24 * 3600 * 1000
