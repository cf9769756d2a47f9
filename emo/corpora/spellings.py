"""Spellings of the labels in the corpora and by their users, and maps of own labels."""

from collections.abc import Callable
from pathlib import Path

from emo.errors import CorpusError
from emo.labels import LABELS
from emo.system.tables import normalise, read_table

SPELLINGS: dict[str, str] = {
    **{label: label for label in LABELS},
    **dict.fromkeys(("anger", "ang"), "angry"),
    **dict.fromkeys(("disgust", "dis"), "disgusted"),
    **dict.fromkeys(("fear", "fea", "afraid"), "fearful"),
    **dict.fromkeys(("happiness", "hap", "joy", "joyful"), "happy"),
    **dict.fromkeys(("neu", "neutrality"), "neutral"),
    **dict.fromkeys(("sadness",), "sad"),
    **dict.fromkeys(
        ("surprise", "sur", "ps", "pleasantsurprise", "pleasantsurprised", "pleasantlysurprised"),
        "surprised",
    ),
}
"""Spellings of the labels; case, blanks, - and _ are ignored."""


def read_label_map(path: Path, meaning: Callable[[str], str], meanings: str) -> dict[str, str]:
    """Return the meanings of labels, from a table with the columns own and emo.

    Without a header the first column holds the own labels.  An empty second cell leaves the label
    out.

    Parameters
    ----------
    path
    meaning
        Returns the label that a second cell names, or "" if it can be none.
    meanings
        Says in an error which labels can be named, as a sentence without a full stop.

    Returns
    -------
    dict of str to str
        By normalised spelling the label, or "".

    Raises
    ------
    CorpusError
        The file is missing, is not such a table, or gives a label two meanings or an unknown one.
    """
    table = read_table(path, "file of labels", (("own",), ("emo",)), may_lack=True)
    own, emo = table.position(("own",)), table.position(("emo",))
    rows = list(table.rows)
    if own is None or emo is None:
        own, emo = 0, 1
        rows[:0] = [(1, list(table.columns))] if table.columns else []
    spellings: dict[str, str] = {}
    for line, cells in rows:
        where = f"Line {line} of {path}"
        if len(cells) < 2 or not cells[own].strip():
            raise CorpusError(f"{where} must hold two labels, such as: boredom,neutral")
        means = meaning(cells[emo]) if cells[emo].strip() else ""
        if cells[emo].strip() and not means:
            raise CorpusError(
                f"{where} gives '{cells[own].strip()}' the meaning '{cells[emo].strip()}'. "
                f"{meanings}; leave the cell empty to leave the label out."
            )
        if spellings.setdefault(normalise(cells[own]), means) != means:
            raise CorpusError(
                f"{where} gives '{cells[own].strip()}' a second meaning. Keep one of the two lines."
            )
    if not spellings:
        raise CorpusError(f"The file of labels {path} is empty. A line is such as: boredom,neutral")
    return spellings
