"""The custody part of integration: states and findings of the items that new entries touch."""

from ledger.core.custody.fold import fold
from ledger.service.integration_ports import IntegrationTransaction


def integrate_custody(transaction: IntegrationTransaction, start: int, end: int) -> None:
    """Evaluate every item whose custody entries [start, end) may change."""
    touched = transaction.touched_items(start, end)
    outcome = fold(transaction.histories(touched), touched, transaction.unjudged(touched))
    transaction.write_custody(touched, outcome.states, outcome.findings)
