"""Describe a corpus in Croissant, the format of MLCommons for data sets, with its RAI fields.

A description is a JSON-LD file, ``KEY.croissant.json``, and beside it the table of its clips,
``KEY.clips.csv``: path, label, speaker, fold and split.  No sound is copied.  The vocabulary is
that of Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html) and of
Croissant RAI 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html).
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from emo.corpora.catalogue import CORPUS, Recording
from emo.corpora.datasheets import COMMON, DATASHEETS, OWN, Datasheet
from emo.corpora.splits import is_held_out, speakers_fold
from emo.system.files import naming

CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")

TRAIN, TEST = "train", "test"
SPLITS = {TRAIN: "cr:TrainingSplit", TEST: "cr:TestSplit"}
"""Splits of the models that ship: the clips of the held-out speakers are the test."""

MIME_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".webm": "audio/webm",
    ".mka": "audio/x-matroska",
}
_OTHER_AUDIO = "audio/basic"
N_NAMED = 10
"""Clips that a sentence on faults names."""

COLUMNS = {
    "path": ("sc:Text", "Path of the clip in the folder of the recordings."),
    "clip": ("sc:Text", "Name of the clip."),
    "emotion": ("sc:Text", "Label: the acted emotion."),
    "speaker": ("sc:Text", "Speaker of the clip; empty where none is stated."),
    "fold": ("sc:Text", "Fold that tests the speaker; empty where there are no folds."),
    "split": ("sc:Text", "Part that the clip has in the models that ship with Emo."),
}
"""Columns of the table of clips: data type and meaning of each."""

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True)
class Described:
    """Contents of the description of a corpus.

    Attributes
    ----------
    key
        Name of its files.
    title
        Its name.
    sheet
        What is known of it beside its clips.
    citation
        How to cite it; empty where that is not known.
    url
        Address of its makers; empty where there is none.
    remarks
        What an audit measured, in full sentences.
    """

    key: str
    title: str
    sheet: Datasheet
    citation: str = ""
    url: str = ""
    remarks: tuple[str, ...] = ()


def of_corpus(key: str, remarks: Sequence[str] = ()) -> Described:
    """Return what is known of one of ``catalogue.CORPORA``, by its key."""
    corpus = CORPUS[key]
    return Described(
        key, corpus.title, DATASHEETS[key], corpus.citation, corpus.url, tuple(remarks)
    )


def of_own(
    key: str, licence: str = "", citation: str = "", remarks: Sequence[str] = ()
) -> Described:
    """Return what is known of an own corpus; its owner states licence and citation."""
    sheet = Datasheet(OWN.description, (), 0, licence, OWN.texts)
    return Described(key, key, sheet, citation, "", tuple(remarks))


def clip_rows(
    recordings: Sequence[Recording],
    directory: Path | None,
    folds: Mapping[Path, int] | None = None,
) -> list[dict[str, str]]:
    """Return a row of ``COLUMNS`` for each clip.

    Parameters
    ----------
    recordings
        Clips of one corpus.
    directory
        The paths are relative to this folder; None for own clips, whose stem is the path as stated.
    folds
        Number of the fold by path, for own clips; those of the protocol ``speakers`` if None.
    """
    rows = []
    held_out = is_held_out([recording.speaker for recording in recordings]).tolist()
    for recording, is_test in zip(recordings, held_out, strict=True):
        path = PurePath(recording.stem)
        if directory is not None:
            path = recording.path.relative_to(directory)
        fold = speakers_fold(recording) if folds is None else folds.get(recording.path)
        rows.append(
            {
                "path": path.as_posix(),
                "clip": path.stem if directory is None else recording.stem,
                "emotion": recording.emotion,
                "speaker": recording.speaker,
                "fold": "" if fold is None else str(fold),
                "split": (TEST if is_test else TRAIN) if folds is None else "",
            }
        )
    return rows


def measured(
    paths: Sequence[str],
    n_expected: int,
    silent: Sequence[str],
    unreadable: Sequence[str],
    two_labels: Sequence[Sequence[str]],
) -> tuple[str, ...]:
    """Return what an audit found of one corpus, in full sentences.

    Parameters
    ----------
    paths
        The clips of the corpus.
    n_expected
        Clips of the official download; 0 where there is none.
    silent, unreadable
        Clips of any corpus with such a fault.
    two_labels
        Groups of clips of any corpus, which have the same sound and different labels.
    """
    own = set(paths)
    remarks = []
    if n_expected > len(own):
        n = n_expected - len(own)
        remarks.append(f"{n:,} of the {n_expected:,} clips of the official download are missing.")
    faults = {"silent": silent, "unreadable": unreadable}
    for fault, listed in faults.items():
        if names := [path for path in listed if path in own]:
            remarks.append(f"Clips that are {fault} ({len(names):,}): {_some(names)}.")
    if groups := [" = ".join(group) for group in two_labels if set(group) <= own]:
        remarks.append(f"The same sound under two labels ({len(groups):,}): {_some(groups)}.")
    return tuple(remarks)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - N_NAMED:,} more" if len(names) > N_NAMED else ""
    return ", ".join(names[:N_NAMED]) + more


def write_croissant(
    folder: Path, described: Described, rows: Sequence[Mapping[str, str]]
) -> tuple[Path, Path]:
    """Write the description of a corpus and the table of its clips; return both paths.

    Parameters
    ----------
    folder
        Made if it is missing.
    described
    rows
        As ``clip_rows`` returns them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "-", described.key)
    names = [name for name in COLUMNS if name != "split" or any(row["split"] for row in rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    table, data = folder / f"{stem}.clips.csv", text.getvalue().encode()
    description = folder / f"{stem}.croissant.json"
    content = _content(described, rows, names, table.name, data)
    with naming(table):
        table.write_bytes(data)
    with naming(description):
        description.write_text(
            json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return description, table


def _content(
    described: Described,
    rows: Sequence[Mapping[str, str]],
    names: Sequence[str],
    table: str,
    data: bytes,
) -> dict[str, Any]:
    sheet = described.sheet
    n_speakers = len({row["speaker"] for row in rows if row["speaker"]})
    counts = Counter(row["emotion"] for row in rows)
    known = {
        "url": described.url,
        "license": sheet.licence,
        "citeAs": described.citation,
        "datePublished": f"{sheet.published}-01-01" if sheet.published else "",
        "version": _version(sheet, data),
        "creator": [{"@type": "Person", "name": name} for name in sheet.creators],
    }
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": described.title,
        "description": (
            f"{sheet.description} This folder has {len(rows):,} clips of {n_speakers:,} speakers."
        ),
        "conformsTo": list(CONFORMS_TO),
        **{name: value for name, value in known.items() if value},
        "keywords": ["speech", "emotion", "acted emotion", "audio"],
        **({"inLanguage": "en"} if sheet.published else {}),
        **_rai(described),
        "distribution": [_table_file(table, data), _audio_files(rows)],
        "recordSet": [
            _clips(names, table),
            _enumeration("emotions", "Labels of the clips.", {"name": sorted(counts)}),
            *(
                [
                    _enumeration(
                        "splits",
                        "Parts of the clips in the models that ship with Emo.",
                        {"name": list(SPLITS), "url": list(SPLITS.values())},
                        "cr:Split",
                    )
                ]
                if "split" in names
                else []
            ),
        ],
    }


def _version(sheet: Datasheet, data: bytes) -> str:
    """Return the version: each corpus was published once; the digest is that of the clips here."""
    return f"{'1.0.0' if sheet.published else '0.1.0'}+{hashlib.sha256(data).hexdigest()[:12]}"


def _rai(described: Described) -> dict[str, Any]:
    """Return the properties of Croissant RAI, with what was measured among the limitations."""
    texts: dict[str, str | list[str]] = {**COMMON, **described.sheet.texts}
    limitations = [*texts.get("dataLimitations", []), *described.remarks]
    if limitations:
        texts["dataLimitations"] = limitations
    return {f"rai:{name}": text for name, text in sorted(texts.items())}


# --- Files and records ---------------------------------------------------------------------------


def _table_file(name: str, data: bytes) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": "Table of the clips, a row for each.",
        "contentUrl": name,
        "contentSize": f"{len(data)} B",
        "encodingFormat": "text/csv",
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _audio_files(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the clips as a set of files, which the description does not contain."""
    paths = [PurePath(row["path"]) for row in rows]
    return {
        "@type": "cr:FileSet",
        "@id": "audio",
        "name": "audio",
        "description": "The clips, in the folder that was audited. They are not distributed here.",
        "encodingFormat": sorted(
            {MIME_TYPES.get(path.suffix.lower(), _OTHER_AUDIO) for path in paths}
        ),
        "includes": sorted({path.with_name(f"*{path.suffix}").as_posix() for path in paths}),
    }


def _clips(names: Sequence[str], table: str) -> dict[str, Any]:
    fields = []
    for name in names:
        data_type, meaning = COLUMNS[name]
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"clips/{name}",
            "name": f"clips/{name}",
            "description": meaning,
            "dataType": data_type,
            "source": {"fileObject": {"@id": table}, "extract": {"column": name}},
        }
        if name == "emotion":
            field["dataType"] = ["sc:Text", "cr:Label"]
            field["references"] = {"field": {"@id": "emotions/name"}}
        if name == "split":
            field["references"] = {"field": {"@id": "splits/name"}}
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": "clips",
        "name": "clips",
        "description": "A record for each clip.",
        "key": {"@id": "clips/path"},
        "field": fields,
    }


def _enumeration(
    name: str,
    description: str,
    columns: Mapping[str, Sequence[str]],
    data_type: str = "sc:Enumeration",
) -> dict[str, Any]:
    """Return a set of records that lists values; ``columns`` are its fields."""
    values = zip(*columns.values(), strict=True)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "dataType": data_type,
        "key": {"@id": f"{name}/name"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": f"{name}/{column}",
                "description": "The value." if column == "name" else "What it stands for.",
                "dataType": "sc:Text" if column == "name" else "sc:URL",
            }
            for column in columns
        ],
        "data": [
            {f"{name}/{column}": value for column, value in zip(columns, row, strict=True)}
            for row in values
        ],
    }
