"""Custody: a pure fold of the log, item by item (formats section 10)."""
