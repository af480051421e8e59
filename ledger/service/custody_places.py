"""Under which paths the coordinates of a place may stand: its own, and that of its GLN."""

from typing import Final

_EXTENSION: Final = "/254/"


def place_paths(path: str) -> set[str]:
    """Return the paths by which the fold looks a place up: a site's extension may have none."""
    return {path, path.partition(_EXTENSION)[0]}
