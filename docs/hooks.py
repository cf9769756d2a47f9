"""Fit pages that are read in the repository too for the built documentation."""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

DOCS = Path(__file__).parent
ICON = DOCS.parent / "emo" / "app" / "static" / "icon.svg"

_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)\s#]+)(#[^)\s]*)?\)")
_PICTURE = re.compile(r"\[!\[([^\]]*)\]\((screens/[\w-]+)-light\.png\)\]\(\2-light\.png\)")
_PLAIN_PICTURE = re.compile(r"!\[([^\]]*)\]\((screens/[\w-]+)-light\.png\)")
_NOTEBOOK = re.compile(r"<!-- ([\w-]+\.ipynb) -->")


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Add the icon of the app to the files of the documentation."""
    files.append(File.generated(config, f"assets/{ICON.name}", abs_src_path=str(ICON)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page for the site: with notebooks, dark pictures, and links to its pages alone.

    MkDocs warns of links whose target is no page; the text of such a link stays.
    """
    folder = Path(page.file.abs_src_path).parent

    def text(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if not target.exists():
            raise FileNotFoundError(f"{page.file.src_path} links to {link[2]}, which is missing.")
        return link[0] if target.is_relative_to(DOCS) else link[1]

    markdown = _NOTEBOOK.sub(lambda mark: cells(folder / mark[1]), markdown)
    markdown = _PICTURE.sub(lambda picture: _in_both_colours(picture, linked=True), markdown)
    markdown = _PLAIN_PICTURE.sub(lambda picture: _in_both_colours(picture), markdown)
    return _LINK.sub(text, markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Return the HTML of a page with a name for the dialog of the search, which the theme lacks."""
    return output.replace('role="dialog">', 'role="dialog" aria-label="Search">')


def cells(path: Path) -> str:
    """Return the cells of a notebook as Markdown, but for the first, which is its introduction."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    parts = []
    for cell in notebook["cells"][1:]:
        source = "".join(cell["source"])
        is_code = cell["cell_type"] == "code"
        parts.append(f"```python\n{source}\n```" if is_code else source)
    text = "\n\n".join(parts).replace("<details>", '<details markdown="1">')
    return re.sub(r"^## ", "### ", text, flags=re.MULTILINE)


def _in_both_colours(picture: re.Match[str], *, linked: bool = False) -> str:
    """Return a screenshot as one picture for light colours and one for dark ones."""
    alt, path = picture[1], picture[2]
    pictures = []
    for mode in ("light", "dark"):
        image = f"![{alt}]({path}-{mode}.png#only-{mode})"
        pictures.append(f"[{image}]({path}-{mode}.png)" if linked else image)
    return "\n".join(pictures)
