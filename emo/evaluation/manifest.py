"""Evaluate the models on a list of recordings with labels."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from emo.audio.clip import Clip, load
from emo.classifiers.label_subset import in_words, read_subset, subset_key
from emo.classifiers.storage import held_out_speakers
from emo.classifiers.voice import VOICE
from emo.corpora.catalogue import CORPUS, read_stem
from emo.corpora.own.reading import EMOTION_COLUMNS
from emo.corpora.spellings import SPELLINGS, read_label_map
from emo.errors import AudioError, CorpusError, ModelError, SettingError
from emo.evaluation.metrics import score
from emo.inference.known_voice import know_speakers
from emo.inference.loading import Models
from emo.inference.predictor import Prediction, choose_among, predict_many
from emo.labels import CALM, ENSEMBLE, LABELS
from emo.system.lists import resolve
from emo.system.tables import PATH_COLUMNS, SPEAKER_COLUMNS, SURPLUS, cell, normalise, read_table

AMONG_COLUMN = "among"
"""Name of the optional column with the emotions that can occur in a row's clip."""

LEAVES_OUT = "which --labels leaves out"

FIGURES = ("n", "accuracy", "uar", "macro_f1", "confusion")
"""Figures of each model, by the names of the attributes of ``metrics.Scores``."""

_CHUNK = 32  # clips predicted together


@dataclass(frozen=True)
class Listed:
    """A row that can be used: its file (with the folder), true label, line, subset and speaker.

    The answer is chosen among the labels of the subset, of which the true label is one.  The
    speaker is empty where none is stated.
    """

    path: Path
    emotion: str
    line: int = 0
    among: tuple[str, ...] = LABELS
    speaker: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A row that cannot be used, with a reason that is counted and a detail of this row."""

    line: int
    path: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Manifest:
    """The rows of a list of labelled files."""

    listed: tuple[Listed, ...]
    left_out: tuple[LeftOut, ...] = ()


# --- reading -------------------------------------------------------------------------------------


def read_manifest(
    path: Path,
    spellings: Mapping[str, str] | None = None,
    among: Sequence[str] = LABELS,
    labels: Sequence[str] = LABELS,
) -> Manifest:
    """Return the rows of a table with a column of paths and one of emotions.

    Cells are separated by commas, semicolons or tabs.  ``PATH_COLUMNS`` and ``EMOTION_COLUMNS``
    name the columns.  Paths are relative to the folder of the manifest.  ``SPEAKER_COLUMNS`` name
    an optional column with the speaker of each clip.

    Parameters
    ----------
    spellings
        As ``read_spellings`` returns them; they take precedence over ``SPELLINGS``.
    among
        The labels that can occur in the clip of a row that says nothing else in ``AMONG_COLUMN``.
    labels
        Labels of the models' answers.

    Raises
    ------
    CorpusError
        The file is missing, or is not such a table, or has no rows.
    """
    table = read_table(path, "manifest", (PATH_COLUMNS, EMOTION_COLUMNS))
    at_path, at_emotion, at_among, at_speaker = map(
        table.position, (PATH_COLUMNS, EMOTION_COLUMNS, (AMONG_COLUMN,), SPEAKER_COLUMNS)
    )
    if at_path is None or at_emotion is None or not table.rows:
        raise CorpusError(
            f"The manifest {path} has no rows with the columns path and emotion. Its first line "
            "must name the columns, such as: path,emotion"
        )
    listed: list[Listed] = []
    left_out: list[LeftOut] = []
    known = spellings_of(labels) | dict(spellings or {})
    for line, cells in table.rows:
        name, label = cell(cells, at_path), cell(cells, at_emotion)
        if not name.strip():
            left_out.append(LeftOut(line, name, "no path"))
            continue
        file = Path(resolve(name, (str(path.parent),)))
        if table.has_surplus(cells):
            left_out.append(LeftOut(line, str(file), SURPLUS))
            continue
        emotion, reason = _understand(label, file, spellings or {}, labels)
        text = cell(cells, at_among)
        subset, detail = _read_among(text, known, labels) if text.strip() else (among, "")
        if not emotion:
            left_out.append(LeftOut(line, str(file), reason))
        elif detail:
            left_out.append(LeftOut(line, str(file), "unusable emotions in 'among'", detail))
        elif emotion not in subset:
            detail = f"{emotion}, not {in_words(subset, labels)}"
            left_out.append(LeftOut(line, str(file), "a label that cannot occur", detail))
        else:
            speaker = cell(cells, at_speaker).strip()
            listed.append(Listed(file, emotion, line, tuple(subset), speaker))
    return Manifest(tuple(listed), tuple(left_out))


def spellings_of(labels: Sequence[str]) -> dict[str, str]:
    """Return the spellings of the labels of models, by normalised text."""
    known = {text: label for text, label in SPELLINGS.items() if label in labels}
    return known | {normalise(label): label for label in labels}


def _read_among(
    text: str, known: Mapping[str, str], labels: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    """Return the labels in a cell of ``AMONG_COLUMN``, and what is wrong with them, or ""."""
    names = [name for name in re.split(r"[\s,;+/]+", text) if name]
    try:
        return read_subset([known.get(normalise(name)) or name for name in names], labels), ""
    except SettingError as error:
        return (), str(error)


def _understand(
    label: str, file: Path, spellings: Mapping[str, str], labels: Sequence[str]
) -> tuple[str, str]:
    """Return the emotion that a label means; or "" and the reason why it cannot be used."""
    normalised = normalise(label)
    if normalised in spellings:
        return spellings[normalised], f"the label '{label.strip()}', {LEAVES_OUT}"
    if emotion := spellings_of(labels).get(normalised):
        return emotion, ""
    clip = read_stem(file)
    if clip is not None and normalised == clip[1].code:  # a code of the clip's own corpus
        emotion = clip[1].emotion
        if emotion in labels:
            return emotion, ""
        normalised = emotion
    if normalised == CALM:
        return "", "the label 'calm', which cannot be predicted"
    if not normalised:
        return "", "no label"
    return "", f"the label '{label.strip()}', which is not known (say with --labels what it means)"


def read_spellings(path: Path, labels: Sequence[str] = LABELS) -> dict[str, str]:
    """Return the meanings of the labels of a data set, from a table with the columns own and emo.

    Without a header the first column holds the labels of the data set.  An empty second cell leaves
    the label out.

    Returns
    -------
    dict of str to str
        By normalised spelling one of `labels`, those of the models' answers, or "".

    Raises
    ------
    CorpusError
        The file is missing, is not such a table, or gives a label two meanings or an unknown one.
    """
    known, every = spellings_of(labels), f"The emotions are {', '.join(labels)}"
    return read_label_map(path, lambda text: known.get(normalise(text), ""), every)


# --- scoring -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answered:
    """A row with the digest of its samples and its prediction."""

    row: Listed
    sound: bytes
    prediction: Prediction


def evaluate_manifest(manifest: Manifest, models: Models) -> dict[str, Any]:
    """Return the figures of each classifier and of the ensemble on the clips of a manifest.

    Audio in several rows is scored once, and not at all if the rows have different labels.

    Returns
    -------
    dict
        ``rows``, ``n`` (scored), ``errors`` (``path`` and ``error`` of each file that could not be
        used), ``left_out`` (``line``, ``path`` and ``reason`` of each row that has no use),
        ``warnings`` (``path`` and ``warning`` of each that a scored clip has),
        ``repeats`` (``line``, ``path`` and the first line, ``of``), ``named_as_training`` (corpus →
        how many scored clips bear the names of its clips), ``labels`` of the models, ``among``
        (labels that can occur → how many scored clips were answered among them) and ``models``: by
        key ``n``, ``accuracy``, ``uar``, ``macro_f1`` and ``confusion``.  Where speakers are
        stated, ``voices`` counts ``speakers``, their ``clips``, and those whose voice is ``known``;
        where any is, ``models`` has ``voice``: the answers with the voice known, or else the
        ensemble's.

    Raises
    ------
    CorpusError
        None of the files can be used.
    """
    answered: list[_Answered] = []
    errors: list[dict[str, str]] = []
    for part in _chunks(manifest.listed):
        answered += _answer(part, models, errors)
    answered = _with_voices(answered, models)
    once, repeats, ambiguous = _distinct(answered)
    left_out = sorted([*manifest.left_out, *ambiguous], key=lambda row: row.line)
    if not once:
        raise CorpusError(_nothing_to_score(manifest, errors, left_out))
    voices = _count_voices(once)
    scores = _score(once, models, has_voice=bool(voices.get("known")))
    return {
        "rows": len(manifest.listed) + len(manifest.left_out),
        "n": len(once),
        "errors": errors,
        "left_out": [
            {
                "line": row.line,
                "path": row.path,
                "reason": f"{row.reason}: {row.detail}" if row.detail else row.reason,
            }
            for row in left_out
        ],
        "reasons": dict(Counter(row.reason for row in left_out)),
        "warnings": [
            {"path": str(each.row.path), "warning": sentence}
            for each in once
            for sentence in _warnings_of(each.prediction)
        ],
        "repeats": [
            {"line": row.line, "path": str(row.path), "of": first.line} for row, first in repeats
        ],
        "named_as_training": _named_as_training(once, models),
        "labels": list(models.labels),
        "among": dict(Counter(subset_key(each.row.among) for each in once)),
        **({"voices": voices} if voices else {}),
        "models": scores,
    }


def _score(once: Sequence[_Answered], models: Models, has_voice: bool) -> dict[str, dict[str, Any]]:
    """Return the figures of each classifier, of the ensemble, and of the known voice."""
    answers = {
        key: [each.prediction.answers[key] for each in once]
        for key in (*models.classifiers, ENSEMBLE)
    }
    if has_voice:
        answers[VOICE] = [each.prediction.served for each in once]
    emotions = [each.row.emotion for each in once]
    figures = {}
    for key, rows in answers.items():
        scored = score(emotions, np.stack([row.probabilities for row in rows]), models.labels)
        figures[key] = {name: scored.to_dict()[name] for name in FIGURES}
    return figures


def _named_as_training(once: Sequence[_Answered], models: Models) -> dict[str, int]:
    """Return how many clips bear names of training clips, by the corpus of these."""
    if models.model_set.is_own:
        return {}
    held_out = held_out_speakers(model.info for model in models.classifiers.values())
    named = [read_stem(each.row.path) for each in once]
    return dict(
        Counter(corpus.key for corpus, clip in filter(None, named) if clip.speaker not in held_out)
    )


def _answer(
    part: Sequence[Listed], models: Models, errors: list[dict[str, str]]
) -> Iterator[_Answered]:
    """Yield the predictions of some rows, computed together, or one by one if that fails."""
    pairs: list[tuple[Listed, Clip]] = []
    for row in part:
        try:
            pairs.append((row, load(row.path)))
        except AudioError as error:
            errors.append({"path": str(row.path), "error": str(error)})
    try:
        predictions = predict_many([clip for _, clip in pairs], models)
    except AudioError:
        for row, clip in pairs:
            try:
                (prediction,) = predict_many([clip], models)
                yield _answered(row, clip, prediction, models)
            except AudioError as error:
                errors.append({"path": str(row.path), "error": str(error)})
    else:
        for (row, clip), prediction in zip(pairs, predictions, strict=True):
            yield _answered(row, clip, prediction, models)


def _answered(row: Listed, clip: Clip, prediction: Prediction, models: Models) -> _Answered:
    """Return a row with its prediction among its labels; raise if a classifier gives none."""
    for fault in prediction.faults.values():
        raise ModelError(fault)
    chosen = choose_among(prediction, row.among, models.calibration)
    return _Answered(row, _digest(clip), chosen)


def _with_voices(answered: Sequence[_Answered], models: Models) -> list[_Answered]:
    """Return rows with the voices of the stated speakers known."""
    predictions = [each.prediction for each in answered]
    known = know_speakers(predictions, [each.row.speaker for each in answered], models)
    return [replace(each, prediction=said) for each, said in zip(answered, known, strict=True)]


def _count_voices(answered: Sequence[_Answered]) -> dict[str, int]:
    """Return how many speakers are stated, and for how many clips; empty without any."""
    stated = [each for each in answered if each.row.speaker]
    if not stated:
        return {}
    return {
        "speakers": len({each.row.speaker for each in stated}),
        "clips": len(stated),
        "known": sum(VOICE in each.prediction.answers for each in stated),
    }


def _digest(clip: Clip) -> bytes:
    """Return a digest of the samples, which is the same for WAV and FLAC."""
    return hashlib.sha256(clip.samples.tobytes()).digest()


def _distinct(
    answered: Sequence[_Answered],
) -> tuple[list[_Answered], list[tuple[Listed, Listed]], list[LeftOut]]:
    """Return the first row of each audio, repeats with the first row, and audio with two labels."""
    by_sound: defaultdict[bytes, list[_Answered]] = defaultdict(list)
    for each in answered:
        by_sound[each.sound].append(each)
    once: list[_Answered] = []
    repeats: list[tuple[Listed, Listed]] = []
    ambiguous: list[LeftOut] = []
    for same in by_sound.values():
        if len({each.row.emotion for each in same}) > 1:
            detail = ", ".join(f"{each.row.emotion} (line {each.row.line})" for each in same)
            reason = "one sound under two labels"
            ambiguous += [LeftOut(e.row.line, str(e.row.path), reason, detail) for e in same]
        else:
            once.append(same[0])
            repeats += [(each.row, same[0].row) for each in same[1:]]
    return once, sorted(repeats, key=lambda pair: pair[0].line), ambiguous


def _nothing_to_score(
    manifest: Manifest, errors: Sequence[dict[str, str]], left_out: Sequence[LeftOut]
) -> str:
    n_rows = len(manifest.listed) + len(manifest.left_out)
    first = errors[0]["error"] if errors else f"line {left_out[0].line}: {left_out[0].reason}."
    return f"None of the {n_rows:,} listed files can be used; the first: {first}"


def _warnings_of(prediction: Prediction) -> Iterator[str]:
    yield from prediction.warnings
    yield from (concern.sentence for concern in prediction.speech_warnings)


def remarks(figures: Mapping[str, Any]) -> list[str]:
    """Return sentences on rows that were left out, and on clips that were used in training."""
    sentences = []
    if figures["left_out"]:
        reasons = "; ".join(f"{n:,} × {reason}" for reason, n in figures["reasons"].items())
        sentences.append(
            f"{len(figures['left_out']):,} of {figures['rows']:,} rows were left out: {reasons}."
        )
    for labels, n_clips in figures["among"].items():
        if labels != subset_key(figures["labels"]):
            among = in_words(labels.split(), figures["labels"])
            sentences.append(f"{n_clips:,} were answered {among}.")
    if voices := figures.get("voices"):
        sentences.append(
            f"{voices['clips']:,} clips are stated to be of {voices['speakers']:,} speakers; the "
            f"voice was known for {voices['known']:,} of the clips."
            + " For others, the row voice has the ensemble's answers."
            * bool(voices["known"])
        )
    if figures["errors"]:
        sentences.append(
            f"{len(figures['errors']):,} of {figures['rows']:,} files could not be read."
        )
    if figures["repeats"]:
        n_rows = len(figures["repeats"])
        rows = "row repeats" if n_rows == 1 else "rows repeat"
        sentences.append(
            f"{n_rows:,} {rows} the sound of an earlier row; each sound was scored once."
        )
    if figures["warnings"]:
        n_clips = len({row["path"] for row in figures["warnings"]})
        sentences.append(
            f"Of the {figures['n']:,} that were scored, {n_clips:,} "
            f"{'has' if n_clips == 1 else 'have'} warnings, such as damage or "
            "no speech; --report FILE names each."
        )
    if counts := figures["named_as_training"]:
        parts = ", ".join(f"{CORPUS[key].title}: {n:,}" for key, n in counts.items())
        sentences.append(
            f"{sum(counts.values()):,} of {figures['n']:,} have the names of clips that these "
            f"models were trained on ({parts}). On such clips the figures are too high."
        )
    return sentences


def lacks_rows(figures: Mapping[str, Any]) -> bool:
    """Return True if a row could not be used that ``--labels`` does not leave out."""
    return bool(figures["errors"]) or any(LEAVES_OUT not in why for why in figures["reasons"])


def not_used(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield path, outcome and reason of each row that was not scored or has a warning."""
    for row in figures["errors"]:
        yield row["path"], "not read", row["error"]
    for row in figures["left_out"]:
        yield row["path"], "left out", f"line {row['line']}: {row['reason']}"
    for row in figures["repeats"]:
        yield row["path"], "repeat", f"line {row['line']}: the sound of line {row['of']}"
    for row in figures["warnings"]:
        yield row["path"], "scored, with a warning", row["warning"]


def _chunks(listed: Sequence[Listed]) -> Iterator[Sequence[Listed]]:
    with tqdm(total=len(listed), desc="manifest", unit="clip") as bar:
        for i in range(0, len(listed), _CHUNK):
            part = listed[i : i + _CHUNK]
            yield part
            bar.update(len(part))
