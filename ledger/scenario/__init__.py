"""Scenarios: stories of custody, played on a ledger that is thrown away afterwards."""
