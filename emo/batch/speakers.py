"""Say of which speaker each recording of a batch is: by its folder, its name, or a manifest."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from emo.corpora.catalogue import read_stem
from emo.errors import CorpusError, SettingError
from emo.system.lists import resolve
from emo.system.tables import PATH_COLUMNS, SPEAKER_COLUMNS, SURPLUS, cell, read_table

FOLDER, NAME, COLUMN = "folder", "name", "column"
"""Rules: the folder of a recording, its file name, or the column of a manifest."""

MANIFESTS = (".csv", ".tsv")
"""Extensions of manifests, which are read as such with the rule ``COLUMN``."""

SpeakerOf = Callable[[str], str]
"""Function of the name of a recording that returns its speaker, "" where it is not known."""

_IN_ARCHIVE = "!/"


def read_rule(rule: str) -> SpeakerOf:
    """Return the function that finds the speaker in the name of a recording.

    Parameters
    ----------
    rule : str
        ``folder``: the path of the folder that holds the recording.  ``name``: the speaker in the
        file name of a clip of the corpora, and of any other the part before the first ``-`` or
        ``_``.  ``name:REGEX``: the group of a regular expression that is searched for in the file
        name.  ``column``: none, since the speakers are in a manifest.

    Raises
    ------
    SettingError
        The rule is none of these, or its expression is invalid or has not one group.

    Examples
    --------
    >>> read_rule("name")("clips/anna-3.wav"), read_rule("name")("03-01-05-01-01-01-12.wav")
    ('anna', 'ravdess-12')
    >>> read_rule("folder")("clips/anna/3.wav")
    'clips/anna'
    >>> read_rule(r"name:_s([0-9]+)[.]")("clips/17_s3.wav")
    '3'
    """
    kind, _, expression = rule.partition(":")
    if rule == FOLDER:
        return lambda name: os.path.dirname(name) or os.curdir
    if rule == NAME:
        return _in_name
    if rule == COLUMN:
        return lambda name: ""
    if kind != NAME or not expression:
        raise SettingError(
            f"'{rule[:60]}' is no rule for speakers. Give {FOLDER}, {NAME}, {NAME}:REGEX or "
            f"{COLUMN}."
        )
    try:
        pattern = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise SettingError(
            f"'{expression[:60]}' is no regular expression ({error}). One is such as: "
            "name:-([0-9]+)[.]"
        ) from error
    if pattern.groups != 1:
        raise SettingError(
            f"'{expression[:60]}' has {pattern.groups} groups, and one is needed, which matches "
            "the speaker. Put it in parentheses, and write (?:…) for others."
        )

    def in_expression(name: str) -> str:
        match = pattern.search(_file_name(name))
        return (match[1] or "") if match else ""

    return in_expression


def _file_name(name: str) -> str:
    return os.path.basename(name.rpartition(_IN_ARCHIVE)[2])


def _in_name(name: str) -> str:
    clip = read_stem(Path(name))
    if clip is not None:
        return clip[1].speaker
    first, *others = re.split("[-_]", Path(name).stem, maxsplit=1)
    return first.strip() if others else ""


# --- Manifests -----------------------------------------------------------------------------------


def is_manifest(text: str) -> bool:
    """Return whether an input is the path of a manifest."""
    return text.lower().endswith(MANIFESTS)


def read_speakers(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the path of each recording in a manifest and the name of its speaker.

    ``PATH_COLUMNS`` and ``SPEAKER_COLUMNS`` name the columns; others do not matter.  Paths are
    relative to the folder of the manifest.

    Raises
    ------
    CorpusError
        The file is missing, or is not such a table; or a row cannot be read, or gives a recording
        a second speaker.
    """
    table = read_table(path, "manifest", (PATH_COLUMNS, SPEAKER_COLUMNS))
    at_path, at_speaker = map(table.position, (PATH_COLUMNS, SPEAKER_COLUMNS))
    if at_path is None or at_speaker is None or not table.rows:
        raise CorpusError(
            f"The manifest {path} has no rows with the columns path and speaker. Its first line "
            "must name the columns, such as: path,speaker"
        )
    named: dict[str, tuple[int, str]] = {}
    for line, cells in table.rows:
        text, speaker = cell(cells, at_path), cell(cells, at_speaker).strip()
        if not text.strip():
            raise CorpusError(f"Line {line} of {path} has no path. Add it, or remove the line.")
        if table.has_surplus(cells):
            raise CorpusError(f"Line {line} of {path} has {SURPLUS}.")
        file = resolve(text, (str(path.parent),))
        first, before = named.setdefault(file, (line, speaker))
        if before != speaker:
            raise CorpusError(
                f"Line {line} of {path} names the speaker '{speaker}' for {file}, and line {first} "
                f"'{before}'. Keep one of the two lines."
            )
        if first == line:
            yield file, speaker


def check_manifests(rule: str, inputs: Sequence[str]) -> str:
    """Return a digest of the manifests among the inputs; "" for another rule than ``COLUMN``.

    Raises
    ------
    CorpusError
        There is none, or one of them cannot be used.
    """
    if rule != COLUMN:
        return ""
    manifests = [Path(text) for text in inputs if is_manifest(text)]
    if not manifests:
        raise CorpusError(
            f"None of the inputs ({', '.join(inputs[:3])}) is a manifest, from which the column of "
            f"speakers could be read. Name one that ends in {' or '.join(MANIFESTS)}."
        )
    digest = hashlib.sha256()
    for path in manifests:
        for pair in read_speakers(path):
            digest.update(json.dumps(pair).encode())
    return digest.hexdigest()[:12]
