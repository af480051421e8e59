"""Checks Unbroken evidence; written from docs/spec, shares no code with the ledger.

`verify_bundle` runs the steps of a file's format in order and raises `StepError` at the first that
fails. Nothing here returns a verdict that a caller could forget to look at.
"""
