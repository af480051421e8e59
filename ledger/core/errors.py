"""Errors by fault domain: the sender's bytes, a proof, the sender's rights, our own invariants."""


class LedgerError(Exception):
    """Base of every error that the ledger raises on purpose."""


class MalformedError(LedgerError):
    """Input does not follow the published format: names the field, the rule and the value."""

    def __init__(self, field: str, rule: str, value: object = None) -> None:
        """Keep the parts; the text shows at most 120 characters of the value."""
        self.field, self.rule, self.value = field, rule, value
        shown = "" if value is None else f", got {str(value)[:120]!r}"
        super().__init__(f"{field}: {rule}{shown}")


class LimitError(MalformedError):
    """Input is well-formed and larger than one request may be."""


class ProofError(LedgerError):
    """A proof does not lead to the root that was claimed."""


class SignatureError(LedgerError):
    """A signature is malformed or was not made by the key that is named."""


class NotPermittedError(LedgerError):
    """The signer is unknown, not active, or may not do this."""


class NotFoundError(LedgerError):
    """Nothing is stored under the name that was asked for."""


class NotAnchoredError(LedgerError):
    """The evidence exists, but no anchored head covers it yet."""


class InvariantError(Exception):
    """A state that cannot be: stops the worker, is never caught, needs an operator."""
