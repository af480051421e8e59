"""The API's own page at /docs: it reads /openapi.json and nothing from anywhere else."""

from pathlib import Path

from fastapi import APIRouter, Response

_FOLDER = Path(__file__).parent / "static"
_FILES = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/docs/docs.css": ("docs.css", "text/css; charset=utf-8"),
    "/docs/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
}


class _Page:
    """One file, read once."""

    def __init__(self, name: str, media_type: str) -> None:
        self._content, self._media_type = (_FOLDER / name).read_bytes(), media_type

    async def get(self) -> Response:
        """Give the file."""
        headers = {"Cache-Control": "no-cache"}
        return Response(self._content, media_type=self._media_type, headers=headers)


def pages() -> APIRouter:
    """Return the routes of the page and its two files."""
    router = APIRouter()
    for path, (name, media_type) in _FILES.items():
        page = _Page(name, media_type)
        router.add_api_route(path, page.get, methods=["GET"], include_in_schema=False)
    return router
