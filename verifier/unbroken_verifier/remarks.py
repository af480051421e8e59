"""What a file that passed does not show, in sentences."""

from unbroken_verifier.case import Case, listed
from unbroken_verifier.evidence import DOUBLE_SPEND, KINDS, OMISSION


def not_checked(case: Case) -> list[str]:
    """One sentence for each thing that no step looked at."""
    if case.kind == OMISSION:
        lines = ["who signed the entry, and by what right: the signed tree has it all the same"]
        return lines + _of_the_log(case)
    if case.kind in KINDS:
        return _of_evidence(case)
    return [*_of_the_map(case), *case.remarks, *_of_events(case), *_of_the_log(case)]


def _of_the_log(case: Case) -> list[str]:
    lines, policy = list[str](), case.policy
    if policy.log_id is None and policy.registrar is None:
        lines.append("whose log this is: no policy pins log_id or registrar")
    if not case.rpcs:
        lines.append("the anchor: no RPC was given")
        if policy.code_hash is not None:
            lines.append("the contract's code: no RPC was given")
    # Attack: a second genesis of the same log_id that names another contract or chain.
    pins = {"contract": policy.contract, "chain_id": policy.chain_id}
    if unpinned := " or ".join(name for name, pin in pins.items() if pin is None):
        lines.append(f"whether the contract is the right one: no policy pins {unpinned}")
    return lines


def _of_the_map(case: Case) -> list[str]:
    lines = ["whether the head signer made the item map from the log: an audit replays it"]
    if case.proof.item:
        lines.append("entries that name only the item's class or lot: they are in other chains")
    if case.proof.events:
        lines.append("whether the registrar's key was rotated meanwhile: no chain holds that")
    else:
        lines.append("a container that may hold the item: its entries do not name what is in it")
    return lines


def _of_events(case: Case) -> list[str]:
    lines = []
    erased = [event.index for event in case.proof.events if not event.rows]
    withheld = sum(
        decoded.row_count - len(event.rows) for event, decoded in case.pairs if event.rows
    )
    if withheld:
        lines.append(f"what the {withheld} undisclosed rows say")
    if case.unsettled:
        lines.append(
            "whether an undisclosed row would change what the entry does, at index "
            f"{listed(case.unsettled)}: taken as the signer signed it"
        )
    if erased:
        lines.append(
            f"what the erased rows at index {listed(erased)} said: what the entry does is taken "
            "as the signer signed it"
        )
    return lines


def _of_evidence(case: Case) -> list[str]:
    policy = case.policy
    if case.kind != DOUBLE_SPEND:
        lines = ["who held the head signer's key: a stolen one convicts its log as well"]
        pins: dict[str, bytes | int | None] = {"log_id": policy.log_id}
    else:
        lines = [
            "whose key it is: the registrar's facts say that, in a bundle of either handoff",
            "whether a log holds the handoffs: the signatures stand without one",
        ]
        pins = {"chain_id": policy.chain_id, "contract": policy.contract}
    if unpinned := " or ".join(name for name, pin in pins.items() if pin is None):
        lines.append(f"whether it is about a log that you know: no policy pins {unpinned}")
    if policy.registrar is not None and case.kind == DOUBLE_SPEND:
        lines.append("the registrar: evidence of this kind names none")
    if case.rpcs:
        lines.append("the anchor: evidence of this kind needs none")
    return lines
