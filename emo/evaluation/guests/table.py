"""Read a table of predictions that others made, and check it against the stored predictions.

The table has the columns of the stored predictions (``predictions.write_predictions``), in any
order, as CSV or gzipped CSV.  Nothing is repaired: a table that is not of the same clips and folds
would be compared with the stored models on other ground.
"""

import csv
import gzip
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emo.classifiers.registry import CLASSIFIERS
from emo.corpora.protocols import PROTOCOLS
from emo.errors import CorpusError
from emo.evaluation.predictions import Predictions, predictions_file, read_predictions
from emo.labels import CALM, LABELS, TRAINED_LABELS

TOLERANCE = 1e-3
"""By how much the shares of a clip may differ from 1 in sum; files have three to six decimals."""

SHARE = "p_"
"""Before the name of a label in the name of the column of its shares."""

REQUIRED = ("clip", "fold", *(f"{SHARE}{label}" for label in LABELS))
CHECKED = ("corpus", "speaker", "emotion")
"""Columns that may be missing; where they are present they must agree with the stored ones."""


@dataclass(frozen=True)
class _Row:
    """A row of the table: its line in the file and its cells by column."""

    line: int
    cells: Mapping[str, str]

    @property
    def clip(self) -> str:
        return self.cells["clip"]


def read_guest_predictions(
    path: Path, models: Path, protocol: str | None = None
) -> tuple[str, Predictions]:
    """Return the protocol and the predictions of a table, in the order of the stored ones.

    Parameters
    ----------
    path
        CSV, or gzipped CSV, with the columns ``REQUIRED``, and ``CHECKED`` where they are known.
    models
        Folder of the models, whose stored predictions have the clips and folds of each protocol.
    protocol
        Key of a protocol; found by the clips and folds of the table if it is None.

    Returns
    -------
    protocol : str
    predictions : Predictions
        Of all clips that the protocol tests.  Clips that were acted calm, which no figure of the
        seven emotions counts, may be missing; then all of them are.

    Raises
    ------
    CorpusError
        The table cannot be read, or is not of these clips and folds, or its shares are no
        probabilities; the message names every fault with its first line.
    """
    rows = _read_rows(path)
    references = read_references(models, PROTOCOLS if protocol is None else (protocol,))
    protocol = protocol or _find_protocol(path, rows, references)
    reference = references[protocol]
    faults = [*_clip_faults(rows, reference, protocol), *_share_faults(rows)]
    if faults:
        raise CorpusError(f"{path} cannot be scored under '{protocol}'. {' '.join(faults)}")
    by_clip = {row.clip: row for row in rows}
    known = reference.take(np.array([clip in by_clip for clip in reference.clips.tolist()]))
    shares = [_shares(by_clip[clip]) for clip in known.clips.tolist()]
    return protocol, replace(known, probabilities=np.array(shares), strangeness=None)


def read_references(models: Path, protocols: Iterable[str]) -> dict[str, Predictions]:
    """Return the stored predictions of the first classifier by protocol, for clips and folds.

    Raises
    ------
    CorpusError
        There are none of these protocols, or a file is damaged.
    """
    first = next(iter(CLASSIFIERS))
    files = {protocol: predictions_file(models, first, protocol) for protocol in protocols}
    tables = {protocol: read_predictions(path) for protocol, path in files.items() if path.exists()}
    if not tables:
        raise CorpusError(
            f"There are no stored predictions of protocol {' or '.join(files)} in {models} to "
            "compare with. A checkout of Emo has them; an installed package has not."
        )
    return tables


# --- Reading -------------------------------------------------------------------------------------


def open_table(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return line number and cells by column of each row of a CSV or gzipped CSV.

    Raises
    ------
    CorpusError
        The file is missing, or is no table.
    """
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        reader = csv.DictReader(data.decode("utf-8-sig").splitlines(), restkey="", restval="")
        rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, EOFError, zlib.error, csv.Error) as error:
        raise CorpusError(f"{path} is neither CSV nor gzipped CSV ({error}).") from error
    if not rows:
        raise CorpusError(f"{path} has no rows. Its first line must name the columns.")
    surplus = next((line for line, row in rows if row.get("")), None)
    if surplus is not None:
        raise CorpusError(f"Line {surplus} of {path} has more cells than there are columns.")
    return [
        (line, {name.strip(): text.strip() for name, text in row.items() if name})
        for line, row in rows
    ]


def _read_rows(path: Path) -> list[_Row]:
    rows = open_table(path)
    columns = rows[0][1].keys()
    if missing := [name for name in REQUIRED if name not in columns]:
        raise CorpusError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}. The columns "
            f"are those of models/*/predictions: {', '.join(REQUIRED)}, and {', '.join(CHECKED)} "
            "where they are known."
        )
    known = {f"{SHARE}{label}" for label in TRAINED_LABELS}
    if unknown := [name for name in columns if name.startswith(SHARE) and name not in known]:
        raise CorpusError(
            f"{path} has the column {unknown[0]}, but '{unknown[0][len(SHARE) :]}' is none of the "
            f"labels {', '.join(TRAINED_LABELS)}."
        )
    return [_Row(line, cells) for line, cells in rows]


def _find_protocol(path: Path, rows: Sequence[_Row], references: Mapping[str, Predictions]) -> str:
    """Return the protocol with most of the clips in the folds of the table."""
    given = {(row.clip, row.cells["fold"]) for row in rows}
    n_alike = {
        protocol: len(given & set(zip(table.clips.tolist(), map(str, table.folds), strict=True)))
        for protocol, table in references.items()
    }
    # Of protocols that share as many clips, the one with fewer others is meant.
    best = max(n_alike, key=lambda name: (n_alike[name], -len(references[name])))
    if not n_alike[best]:
        example = references[best].clips[0]
        raise CorpusError(
            f"No clip of {path} is tested in its fold by any protocol. Clips are named by the "
            f"stem of their file, such as {example}; the folds are those of "
            "models/*/predictions."
        )
    return best


# --- Checking ------------------------------------------------------------------------------------


def _clip_faults(rows: Sequence[_Row], reference: Predictions, protocol: str) -> list[str]:
    """Return a sentence for each way in which the clips differ from those of the protocol."""
    place = {clip: i for i, clip in enumerate(reference.clips.tolist())}
    counts = Counter(row.clip for row in rows)
    faults = [
        _sentence(
            [row for row in rows if counts[row.clip] > 1],
            lambda row, n: f"{row.clip} is listed {counts[row.clip]} times ({n}); once is right.",
        ),
        _sentence(
            [row for row in rows if row.clip not in place],
            lambda row, n: f"{row.clip} is no clip that this protocol tests ({n}); leave it out.",
        ),
    ]
    known = [row for row in rows if row.clip in place]
    faults.append(
        _sentence(
            [row for row in known if row.cells["fold"] != str(reference.folds[place[row.clip]])],
            lambda row, n: (
                f"{row.clip} is tested by fold {reference.folds[place[row.clip]]} and not by fold "
                f"{row.cells['fold'] or '(empty)'} ({n}); use the folds of models/*/predictions."
            ),
        )
    )
    columns = {"corpus": "corpora", "speaker": "speakers", "emotion": "emotions"}
    for name, attribute in columns.items():
        if name in rows[0].cells:
            stored = getattr(reference, attribute)
            faults.append(_column_fault(name, known, {c: str(stored[i]) for c, i in place.items()}))
    faults.append(_missing_fault(counts, reference, protocol))
    return [fault for fault in faults if fault]


def _column_fault(name: str, rows: Sequence[_Row], stored: Mapping[str, str]) -> str:
    if name == "emotion":
        unknown = [row for row in rows if row.cells[name] not in TRAINED_LABELS]
        if unknown:
            return _sentence(
                unknown,
                lambda row, n: (
                    f"'{row.cells[name]}' is no label ({n}); the labels are "
                    f"{', '.join(TRAINED_LABELS)}."
                ),
            )
    return _sentence(
        [row for row in rows if row.cells[name] != stored[row.clip]],
        lambda row, n: (
            f"The {name} of {row.clip} is {stored[row.clip]} and not "
            f"{row.cells[name] or '(empty)'} ({n})."
        ),
    )


def _missing_fault(counts: Mapping[str, int], reference: Predictions, protocol: str) -> str:
    """Return that test clips are missing; all clips acted calm may be."""
    is_listed = np.array([clip in counts for clip in reference.clips.tolist()])
    is_calm = reference.emotions == CALM
    left_out = ~is_listed & ~is_calm
    if (is_calm & is_listed).any():
        left_out |= is_calm & ~is_listed
    if not left_out.any():
        return ""
    n = int(left_out.sum())
    return (
        f"{n:,} of the {len(reference):,} clips that '{protocol}' tests "
        f"{'is' if n == 1 else 'are'} missing, such as {reference.clips[left_out][0]}; every test "
        "clip needs an answer."
    )


def _share_faults(rows: Sequence[_Row]) -> list[str]:
    """Return a sentence for each way in which shares are no probabilities."""
    bad: list[_Row] = []
    off: list[_Row] = []
    for row in rows:
        shares = _shares(row)
        if not all(math.isfinite(share) and 0.0 <= share <= 1.0 for share in shares):
            bad.append(row)
        elif abs(sum(shares) - 1.0) > TOLERANCE:
            off.append(row)
    faults = [
        _sentence(bad, lambda row, n: f"{row.clip} has a share that is no number 0 to 1 ({n})."),
        _sentence(
            off,
            lambda row, n: (
                f"The shares of {row.clip} add up to {sum(_shares(row)):.4f} and not to 1 ({n})."
            ),
        ),
    ]
    return [fault for fault in faults if fault]


def _shares(row: _Row) -> list[float]:
    """Return the shares of a row in the order of ``TRAINED_LABELS``; NaN for what is no number."""
    shares = []
    for label in TRAINED_LABELS:
        text = row.cells.get(f"{SHARE}{label}", "0" if label == CALM else "")
        try:
            shares.append(float(text))
        except ValueError:
            shares.append(math.nan)
    return shares


def _sentence(rows: Sequence[_Row], say: Callable[[_Row, str], str]) -> str:
    """Return a sentence on the first of the rows, with its line and the number of all; or ""."""
    if not rows:
        return ""
    others = f", and {len(rows) - 1:,} more" if len(rows) > 1 else ""
    return say(rows[0], f"line {rows[0].line}{others}")
