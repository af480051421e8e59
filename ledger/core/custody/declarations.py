"""Error declarations: whether what they declare wrong was ever logged, and by whom (epcis b2)."""

from collections.abc import Sequence

from ledger.core.custody.findings import Rule
from ledger.core.custody.item import Item
from ledger.core.custody.steps import Step
from ledger.core.entries import FLAG_ERROR_DECLARATION, Op, Z


def judge_declarations(item: Item, history: Sequence[Step]) -> None:
    """Judge the error declarations among an item's own steps.

    A declaration repeats its original in every field (EPCIS 1.2 section 7.4.1.2). A second one of
    the same is a repeat: the original need not be left over.
    """
    declared = [s for s in history if s.op is Op.VOID and s.flags & FLAG_ERROR_DECLARATION]
    others = [s for s in history if not (s.op is Op.VOID and s.flags & FLAG_ERROR_DECLARATION)]
    for step in sorted(declared, key=lambda s: (s.time_ms, s.log_index)):
        meant = [one for one in others if _is_meant(step, one)]
        own = [one for one in meant if one.party == step.party]
        if any(_to(one) == _to(step) or step.refers == one.leaf_hash for one in own):
            continue
        if meant and not own:
            item.find(Rule.UNAUTHORISED_ERROR_DECLARATION, meant[0], step)
        elif step.refers == Z:
            item.find(Rule.ERROR_DECLARATION_WITHOUT_ORIGINAL, step)


def _is_meant(declaration: Step, other: Step) -> bool:
    if declaration.refers != Z:
        return other.leaf_hash == declaration.refers
    # `to` is left out: an entry does not name its own party as addressee.
    return (declaration.role, declaration.time_ms, declaration.parents) == (
        other.role, other.time_ms, other.parents,
    )  # fmt: skip


def _to(step: Step) -> tuple[bytes, bytes]:
    return step.to_owner, step.to_possessor
