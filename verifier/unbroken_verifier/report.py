"""What a run found, for people and for programs."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One step and what it saw."""

    step: str
    ok: bool
    detail: str


@dataclass(slots=True)
class Report:
    """Collects steps in order, and what no step looked at. Decides nothing."""

    steps: list[Finding] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    on_step: Callable[[Finding], None] | None = None

    def add(self, step: str, *, ok: bool, detail: str) -> None:
        """Notes one step."""
        finding = Finding(step=step, ok=ok, detail=printable(detail))
        self.steps.append(finding)
        if self.on_step:
            self.on_step(finding)

    def to_json(self) -> str:
        """One JSON document (design: {ok, steps, not_checked}); `ok` only if every step was."""
        steps = [{"step": s.step, "ok": s.ok, "detail": s.detail} for s in self.steps]
        ok = bool(self.steps) and all(step.ok for step in self.steps)
        return json.dumps({"ok": ok, "steps": steps, "not_checked": self.not_checked})


def printable(text: str) -> str:
    """One line without control characters.

    Attack: an origin or path with terminal escapes could repaint a verdict.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
