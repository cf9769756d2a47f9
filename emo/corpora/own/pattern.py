"""Read emotion and speaker from the name of a file, by a pattern such as {speaker}_{emotion}_*."""

import re
from dataclasses import dataclass

from emo.errors import CorpusError

FIELDS = ("emotion", "speaker", "corpus")

EXAMPLE = '--pattern "{speaker}_{emotion}_*.wav"'

_PART = re.compile(r"\{(\w*)\}|(\*\*|\*|\?)|([^{}*?]+)|(.)", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A pattern of file names.

    Attributes
    ----------
    text : str
    fields : tuple of str
        Those of ``FIELDS`` that it has.
    depth : int
        Number of the last parts of a path that it names: 1 for the file name alone.
    expression : re.Pattern
    """

    text: str
    fields: tuple[str, ...]
    depth: int
    expression: re.Pattern[str]

    def read(self, path: str) -> dict[str, str] | None:
        """Return the fields of a path with ``/``; None if it does not follow the pattern."""
        tail = "/".join(path.split("/")[-self.depth :])
        match = self.expression.fullmatch(tail)
        return None if match is None else match.groupdict()


def compile_pattern(text: str) -> Pattern:
    """Return a pattern from its text.

    ``{emotion}``, ``{speaker}`` and ``{corpus}`` stand for texts without ``/``, as short as can be;
    ``*`` for any text without ``/``, also none, and ``?`` for one sign.  Upper and lower case are
    the same.  A pattern with ``/`` names folders too.

    Raises
    ------
    CorpusError
        It lacks the emotion, or has an unknown or repeated field, or a brace that is not closed.

    Examples
    --------
    >>> compile_pattern("{speaker}_*_{emotion}_*.wav").read("clips/1001_DFA_ANG_XX.wav")
    {'speaker': '1001', 'emotion': 'ANG'}
    >>> compile_pattern("{emotion}/{speaker}/*").read("joy/anna/1.flac")
    {'emotion': 'joy', 'speaker': 'anna'}
    """
    expression, fields = "", []
    for name, wild, plain, wrong in _PART.findall(text.replace("\\", "/")):
        if wrong or (not wild and not plain and name not in FIELDS):
            raise CorpusError(
                f"The pattern '{text}' has the unknown part '{wrong or '{' + name + '}'}'. Use "
                f"{{emotion}}, {{speaker}}, * and ?, such as: {EXAMPLE}"
            )
        if name in fields:
            raise CorpusError(f"The pattern '{text}' has {{{name}}} twice. Use * for the other.")
        if name:
            fields.append(name)
            expression += f"(?P<{name}>[^/]+?)"
        else:
            expression += {"*": "[^/]*?", "**": "[^/]*?", "?": "[^/]"}.get(wild, re.escape(plain))
    if "emotion" not in fields:
        raise CorpusError(f"The pattern '{text}' lacks {{emotion}}. An example is: {EXAMPLE}")
    depth = text.replace("\\", "/").count("/") + 1
    return Pattern(text, tuple(fields), depth, re.compile(expression, re.IGNORECASE))
