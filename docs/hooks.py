"""Fit pages that are read in the repository too for the built documentation."""

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)\s#]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page without its links to files outside the documentation, which must exist.

    MkDocs warns of links whose target is no page; the text of such a link stays.
    """
    folder = Path(page.file.abs_src_path).parent

    def text(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if not target.exists():
            raise FileNotFoundError(f"{page.file.src_path} links to {link[2]}, which is missing.")
        return link[0] if target.is_relative_to(Path(__file__).parent) else link[1]

    return _LINK.sub(text, markdown)
