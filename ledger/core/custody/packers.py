"""Packers: which containers were shipped by another than who packed them."""

from collections.abc import Mapping, Sequence

from ledger.core.custody.steps import ROLE_PARENT, Step
from ledger.core.entries import Op


def shipped_by_others(histories: Mapping[bytes, Sequence[Step]]) -> set[bytes]:
    """Return the containers of which the fold must know whose goods are in them.

    A container belongs to who packed it, unless the goods are another's: a 3PL packs, the owner
    sells. Contents are not in the histories of a container; few need be looked up.
    """
    return {key for key, history in histories.items() if _is_shipped_by_another(history)}


def _is_shipped_by_another(history: Sequence[Step]) -> bool:
    packers = {s.party for s in history if s.role == ROLE_PARENT and s.op is Op.PACK}
    return bool(packers) and any(s.op is Op.HANDOFF and s.party not in packers for s in history)
