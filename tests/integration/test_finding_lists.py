"""A list of findings that reads too much is refused in words; it holds no connection for ever."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from ledger.bootstrap import Node
from ledger.core.epcis.query import QueryTooComplexError
from ledger.service.case_ports import FindingFilter
from ledger.store.case_read_store import SqlCaseStore

BY_PARTY = FindingFilter(party=bytes(32))
LISTS: dict[str, Callable[[SqlCaseStore], object]] = {
    "open": lambda store: store.open_findings(BY_PARTY, (b"", ""), 1),
    "past": lambda store: store.past_findings(BY_PARTY, closed_only=False, after=0, limit=1),
    "cases": lambda store: store.listed_cases(BY_PARTY, b"", 1),
}


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS.keys())
def test_a_list_that_takes_too_long_is_refused(
    node: Node, listed: Callable[[SqlCaseStore], object]
) -> None:
    assert listed(SqlCaseStore(node.engine)) == []
    store = SqlCaseStore(node.engine, timeout_ms=50)
    with node.engine.begin() as connection:
        # Nobody reads: as long as it takes.
        connection.execute(text("LOCK TABLE findings, finding_history IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(QueryTooComplexError, match=r"0\.05 seconds"):
            listed(store)
    assert listed(SqlCaseStore(node.engine)) == []
    with node.engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"
