"""The steps of each format, in the order of its page of docs/spec.

A step takes what earlier steps have established and raises `RefusedError`; `verify_bundle` names
the step. Each returns one sentence on what it checked.
"""

from collections.abc import Callable, Iterator, Sequence

from unbroken_verifier import (
    event_steps,
    evidence_steps,
    history_steps,
    log_steps,
    omission_steps,
)
from unbroken_verifier.bundle import parse_absence, parse_bundle, parse_disclosure, read_members
from unbroken_verifier.canonical import JsonValue
from unbroken_verifier.case import Case
from unbroken_verifier.errors import NotFinalError, RefusedError, RpcError, StepError
from unbroken_verifier.evidence import DOUBLE_SPEND, FORK, OMISSION, TWO_HEADS, parse_evidence
from unbroken_verifier.evidence import FORMAT as EVIDENCE
from unbroken_verifier.jsonrpc import Rpc
from unbroken_verifier.policy import Policy
from unbroken_verifier.remarks import not_checked
from unbroken_verifier.report import Report

Step = tuple[str, Callable[[Case], str]]

BUNDLE, DISCLOSURE, ABSENCE = (
    "unbroken/bundle/v2",
    "unbroken/disclosure/v1",
    "unbroken/absence/v1",
)
PROOFS = {BUNDLE: parse_bundle, DISCLOSURE: parse_disclosure, ABSENCE: parse_absence}
FORMATS = frozenset({*PROOFS, EVIDENCE})

ANCHOR: Step = ("anchor", log_steps.anchor)  # only when an RPC is given
LOG_STEPS: tuple[Step, ...] = (
    ("genesis", log_steps.genesis),
    ("checkpoint", log_steps.checkpoint),
    ("inclusion", log_steps.inclusion),
    ("signature", log_steps.signature),
)
EVENT_STEPS: tuple[Step, ...] = (
    *LOG_STEPS,
    ("facts", log_steps.facts),
    ("map", history_steps.chains),
    ("entry", log_steps.entry),
    ("commitment", event_steps.commitment),
    ("items", event_steps.items),
)
STEPS: dict[str, tuple[Step, ...]] = {
    BUNDLE: (
        *EVENT_STEPS,
        ("scope", history_steps.scope),
        ("complete", history_steps.complete),
        ANCHOR,
    ),
    DISCLOSURE: (*EVENT_STEPS, ANCHOR),
    ABSENCE: (*LOG_STEPS, ("absence", history_steps.absence), ANCHOR),
    DOUBLE_SPEND: (
        ("domain", evidence_steps.domain),
        ("signature", evidence_steps.handoff_signatures),
        ("items", evidence_steps.items),
        ("conflict", evidence_steps.double_spend),
    ),
    TWO_HEADS: (
        ("domain", evidence_steps.domain),
        ("signature", evidence_steps.head_signatures),
        ("conflict", evidence_steps.two_heads),
    ),
    FORK: (
        ("domain", evidence_steps.domain),
        ("signature", evidence_steps.head_signatures),
        ("conflict", evidence_steps.fork),
    ),
    OMISSION: (
        *LOG_STEPS,
        ("entry", omission_steps.entry),
        ("items", omission_steps.items),
        ("conflict", omission_steps.omission),
        ANCHOR,
    ),
}


def verify_bundle(
    raw: bytes,
    *,
    policy: Policy,
    rpcs: Sequence[Rpc] = (),
    report: Report | None = None,
    formats: frozenset[str] = FORMATS,
) -> None:
    """Runs every step of the file's format; returns only if none failed.

    Args:
        raw: the file.
        policy: what the caller pins.
        rpcs: chains to ask for the anchor, all of which must agree; without any none is asked.
        report: is told of each step, and of what was not checked.
        formats: those to accept.

    Raises:
        StepError: the first step that failed.
        NotFinalError: all held, but the anchor is not final yet.
        RpcError: all held, but a chain could not be asked.
    """
    report = Report() if report is None else report
    case = Case(raw, policy, rpcs)
    for name, step in _steps(case, formats):
        try:
            detail = step(case)
        except (RefusedError, NotFinalError, RpcError) as error:
            report.add(name, ok=False, detail=str(error))
            if isinstance(error, RefusedError):
                raise StepError(name, str(error)) from error
            raise
        report.add(name, ok=True, detail=detail)
    report.not_checked += not_checked(case)


def _steps(case: Case, formats: frozenset[str]) -> Iterator[Step]:
    """The first step tells which others there are."""
    yield "parse", lambda case: _parse(case, formats)
    for step in STEPS[case.kind]:
        if step is not ANCHOR or case.rpcs:
            yield step


def _parse(case: Case, formats: frozenset[str]) -> str:
    """The bytes are canonical and have exactly the shape of a page."""
    members: dict[str, JsonValue] = read_members(case.raw)
    name = str(members["format"])
    if name not in formats:
        raise RefusedError(f"format is not {' or '.join(sorted(formats))}")
    told = f"{len(case.raw)} bytes, canonical"
    if name == EVIDENCE:
        case.kind, case.evidence, rests_on = parse_evidence(members)
        if rests_on is not None:
            case.proof = rests_on
        return f"{told}: evidence of kind {case.kind}"
    case.kind = name
    proof = case.proof = PROOFS[name](members)
    counts = ", ".join(
        f"{len(getattr(proof, member))} {member}"
        for member in ("containers", "chains", "facts", "events", "outside", "blinded")
        if getattr(proof, member)
    )
    return f"{told}: {name}{' of item ' + proof.item if proof.item else ''}, {counts}"
