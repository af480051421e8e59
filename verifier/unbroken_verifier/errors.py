"""What can go wrong, by whose fault."""


class VerifierError(Exception):
    """Root of every error this package raises on purpose."""


class RefusedError(VerifierError):
    """The evidence breaks a rule; the message says which, and where."""


class StepError(VerifierError):
    """A step failed.

    Attributes:
        step: name of the step, as the page spells it.
        detail: what was wrong, for people.
    """

    def __init__(self, step: str, detail: str) -> None:
        super().__init__(f"{step}: {detail}")
        self.step = step
        self.detail = detail


class NotFinalError(VerifierError):
    """The anchor is mined, but not yet in the block that the policy asks for (step `anchor`)."""


class RpcError(VerifierError):
    """A chain endpoint could not be reached or did not answer JSON-RPC.

    Says nothing about the evidence: exit code 3, never 1.
    """


class PolicyError(VerifierError):
    """The caller's own policy file is not what docs/spec/bundle.md allows: exit code 2."""
