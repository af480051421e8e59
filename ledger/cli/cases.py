"""`unbroken case`: what is to be done about findings, and who did what. A partner's commands."""

import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from ledger.cli import opened
from ledger.cli.case_view import COLUMNS, print_case
from ledger.cli.output import JsonFlag, JsonLinesFlag, Output, output_of
from ledger.client import POLL_S, TIMEOUT_S, LedgerClient, UnreachableError
from ledger.clock import now_ms
from ledger.core.entries import Address
from ledger.core.errors import MalformedError, NotFoundError, NotPermittedError
from ledger.core.finding_acts import Act, Cause, FindingAct, submit_acts

app = typer.Typer(help="Cases of findings.", no_args_is_help=True, rich_markup_mode=None)

# One page of the API.
_PAGE = 500
_STATES = ("open", "acknowledged", "assigned", "resolved", "closed", "muted")
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SPAN = re.compile(r"([1-9][0-9]{0,3})([hdw])", re.ASCII)
_MS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}

Name = Annotated[str, typer.Argument(metavar="CASE", help="Its id, or its item in any spelling.")]
Code = Annotated[str | None, typer.Argument(help="The rule, where the item has several cases.")]
KeyName = Annotated[str, typer.Option("--key", help="Name of the signing key.")]
Note = Annotated[str | None, typer.Option("--note", help="Up to 200 characters, for everyone.")]
Url = Annotated[str | None, typer.Option("--url", help="Another ledger than this installation's.")]


@app.command("list")
def list_cases(
    context: typer.Context,
    state: Annotated[
        str | None,
        typer.Option("--state", help="open, acknowledged, assigned, resolved, closed or muted."),
    ] = None,
    code: Annotated[str | None, typer.Option("--code", help="The rule.")] = None,
    item: Annotated[str | None, typer.Option("--item", help="In any spelling.")] = None,
    party: Annotated[
        str | None, typer.Option("--party", help="One that signed evidence: GLN or identifier.")
    ] = None,
    url: Url = None,
    as_json: JsonFlag = False,
    as_lines: JsonLinesFlag = False,
) -> None:
    """Show cases, those that are not settled first."""
    output = output_of(context, as_json=as_json, as_lines=as_lines)
    if state is not None and state not in _STATES:
        raise typer.BadParameter(f"--state is one of {', '.join(_STATES)}, not {state}")
    filters = {"state": state, "code": code, "item": item, "party": party}
    with opened.client(url) as client:
        rows = _all(client, {name: text for name, text in filters.items() if text is not None})
    weights = {"open": 0, "acknowledged": 1, "assigned": 2, "resolved": 3, "closed": 4}
    rows.sort(key=lambda row: (row["muted"], weights[row["state"]], -row["changed_index"]))
    shown = rows if output.as_json or output.as_lines else [_for_people(row) for row in rows]
    output.rows(shown, COLUMNS)


@app.command("show")
def show(
    context: typer.Context,
    name: Name,
    code: Code = None,
    url: Url = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a case: its finding over time, and every act with its signer and log index."""
    output = output_of(context, as_json=as_json)
    with opened.client(url) as client:
        print_case(output, client.get(f"/cases/{_find(client, name, code)['id']}"))


@app.command("ack")
def acknowledge(
    context: typer.Context, name: Name, key: KeyName, code: Code = None, note: Note = None,
    url: Url = None, as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Say that a finding is seen."""
    _act(_output(context, as_json=as_json), url, name, code, key, Act.ACKNOWLEDGE, note=note)


@app.command("assign")
def assign(
    context: typer.Context, name: Name, key: KeyName,
    to: Annotated[str, typer.Option("--to", help="Who looks into it; up to 200 characters.")],
    code: Code = None, note: Note = None, url: Url = None, as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Say who looks into a finding."""
    _act(
        _output(context, as_json=as_json), url, name, code, key, Act.ASSIGN, note=note, assignee=to
    )


@app.command("resolve")
def resolve(
    context: typer.Context, name: Name, key: KeyName,
    cause: Annotated[
        Cause, typer.Option("--cause", help="Why the finding was there.", case_sensitive=False)
    ],
    code: Code = None, note: Note = None, url: Url = None, as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Say why a finding was there; new evidence opens the case again."""
    _act(
        _output(context, as_json=as_json), url, name, code, key, Act.RESOLVE, note=note,
        cause=cause,
    )  # fmt: skip


@app.command("mute")
def mute(
    context: typer.Context, name: Name, key: KeyName,
    until: Annotated[
        str,
        typer.Option("--until", help="12h, 7d, 2w, or a time with its zone; a year at most."),
    ],
    code: Code = None, note: Note = None, url: Url = None, as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Let nobody be told of a case until a time; it stays listed."""
    _act(
        _output(context, as_json=as_json), url, name, code, key, Act.MUTE, note=note,
        until=end_of_mute(until, now_ms()),
    )  # fmt: skip


@app.command("unmute")
def unmute(
    context: typer.Context, name: Name, key: KeyName, code: Code = None, note: Note = None,
    url: Url = None, as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """End a mute before its time."""
    _act(_output(context, as_json=as_json), url, name, code, key, Act.UNMUTE, note=note)


@app.command("reopen")
def reopen(
    context: typer.Context, name: Name, key: KeyName, code: Code = None, note: Note = None,
    url: Url = None, as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Open a resolved case again."""
    _act(_output(context, as_json=as_json), url, name, code, key, Act.REOPEN, note=note)


def end_of_mute(text: str, at_ms: int) -> int:
    """Return the end of a mute: a span from at_ms on, or a time with its zone.

    Raises:
        BadParameter: It is neither.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        return at_ms + int(span[1]) * _MS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        rule = "is 12h, 7d or 2w, or a time with its zone as 2026-11-30T18:00:00+01:00"
        raise typer.BadParameter(f"--until {rule}")
    return int((moment - _EPOCH) / timedelta(milliseconds=1))


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _output(context: typer.Context, *, as_json: bool) -> Output:
    return output_of(context, as_json=as_json)


def _act(
    output: Output, url: str | None, name: str, code: str | None, key: str, act: Act,
    **members: Any,  # noqa: ANN401 -- those of FindingAct
) -> None:  # fmt: skip
    """Sign an act, send it, wait until it is in the log, and show what it made of the case.

    Raises:
        NotPermittedError: The key may not sign, or not any more.
    """
    private_key = opened.keystore().private_key(key)
    address = Address(opened.keystore().address_of(key))
    with opened.client(url) as client:
        case = _find(client, name, code)
        party = bytes.fromhex(client.get(f"/keys/0x{address.hex()}")["party"])
        made = FindingAct(act=act, item=case["item"], code=case["code"], **members)
        part = submit_acts(private_key, party, client.identity(), [made], now_ms())
        index = _logged(client, client.send_acts(part))
        shown = client.get(f"/cases/{case['id']}")
    print_case(output, shown)
    mine = [one for one in shown["acts"] if one["index"] == index]
    if mine and not mine[0]["effective"]:
        output.say(f"entry {index} is logged, and changed nothing: the case is {shown['state']}")


def _logged(client: LedgerClient, location: str) -> int:
    """Return the log index of an act when its case is brought to it."""
    (result,) = client.wait(location)["results"]
    if result["verdict"] == "rejected":
        raise NotPermittedError(f"the log refused the act: {result.get('reason')}")
    deadline = time.monotonic() + TIMEOUT_S
    while client.job(location)["results"][0]["state"] == "sequenced":
        if time.monotonic() > deadline:
            raise UnreachableError(f"{location} is not integrated after {TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)
    return int(result["log_index"])


def _find(client: LedgerClient, name: str, code: str | None) -> dict[str, Any]:
    """Return the case of an id, or of an item and a rule; the one that is open where one is.

    Raises:
        NotFoundError: There is none.
        MalformedError: The item has several.
    """
    if _ID.fullmatch(name):
        found: dict[str, Any] = client.get(f"/cases/{name}")
        return found
    filters = {"item": name} | ({} if code is None else {"code": code.upper()})
    cases = _all(client, filters)
    alive = [one for one in cases if one["state"] != "closed"] or cases
    if not alive:
        rule = "" if code is None else f" of {code}"
        raise NotFoundError(f"{name} has no case{rule}: unbroken case list")
    if len(alive) > 1:
        codes = ", ".join(sorted(one["code"] for one in alive))
        raise MalformedError("CODE", f"is one of {codes}: the item has several cases")
    return alive[0]


def _all(client: LedgerClient, filters: Mapping[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        query = urlencode({**filters, "limit": str(_PAGE), **cursor})
        page = client.get(f"/cases?{query}")
        rows += page["cases"]
        if "next" not in page:
            return rows
        cursor = {"after": page["next"]}


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    state = f"{row['state']}, muted" if row["muted"] else row["state"]
    told = row.get("cause") or row.get("reason") or row.get("assignee") or row["detail"]
    return {**row, "state": state, "about": told}
