"""The folders of guests: models that others made, shown beside the stored models.

``models/guests/KEY/`` holds ``guest.yaml`` (``FIELDS``), the predictions of each protocol in
``predictions/``, where it is known what trained the guest a list in ``trained-on/``, and the
figures that follow from the predictions, ``metrics.json``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.voice import VOICE
from emo.corpora.metadata import read_votes
from emo.corpora.protocols import LISTENERS, PROTOCOLS, SPEAKERS
from emo.errors import EmoError, ModelError
from emo.evaluation.guests.figures import guest_figures
from emo.evaluation.guests.table import read_guest_predictions
from emo.evaluation.guests.training_list import check_training_list
from emo.evaluation.predictions import Predictions, predictions_file, write_predictions
from emo.evaluation.stored import METRICS, compare_values, read_metrics, write_metrics
from emo.evaluation.summary import against_listeners
from emo.system.files import naming

GUESTS = "guests"
"""Folder of the guests within that of the models."""

DESCRIPTION = "guest.yaml"
FORMAT = 1
MAX_BYTES = 1_000_000
"""Limit on all files of a guest together."""

_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_KEY = 40
_TAKEN = (*CLASSIFIERS, *ENSEMBLES, VOICE, LISTENERS.key)
_DIFFERENCE = 2e-6  # of stored figures, which have six decimals


@dataclass(frozen=True)
class Field:
    """A field of ``guest.yaml``.

    Attributes
    ----------
    name
    meaning
        What it says, for people who write one.
    limit
        Number of characters that the text may have.
    is_required
        False if it may be missing.
    pattern
        Regular expression that the text matches, as JSON Schema and Python read it; "" for any.
    """

    name: str
    meaning: str
    limit: int
    is_required: bool = True
    pattern: str = ""


FIELDS = (
    Field(
        "name", "Name in tables and on the page", 40, pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,+()/-]*$"
    ),
    Field("description", "How the model works, in a sentence or two", 400),
    Field("trained_on", "On what it was trained, with all pre-training", 400),
    Field("citation", "Authors, title, year; how to cite it", 400),
    Field("licence", "Licence of the predictions, best as an SPDX name", 60),
    Field(
        "url",
        "Address of the code or the paper",
        200,
        is_required=False,
        pattern=r"^https://[A-Za-z0-9./?=&%#~_+-]+$",
    ),
)
"""The texts of ``guest.yaml``, beside ``format: 1`` and the list ``protocols``."""


@dataclass(frozen=True)
class Guest:
    """Contents of ``guest.yaml``; ``key`` is the name of its folder."""

    key: str
    name: str
    description: str
    trained_on: str
    citation: str
    licence: str
    protocols: tuple[str, ...]
    url: str = ""


def guests_directory(models: Path) -> Path:
    """Return the folder of the guests."""
    return models / GUESTS


def guest_key(name: str) -> str:
    """Return the key of a guest for a name: its letters and digits in lower case, with hyphens.

    Raises
    ------
    ModelError
        The name has no such letters, or the key belongs to a model of Emo.

    Examples
    --------
    >>> guest_key("My model (2026)")
    'my-model-2026'
    """
    key = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:_MAX_KEY].strip("-")
    if fault := _key_fault(key):
        raise ModelError(f"The name '{name}' cannot be used: {fault}.")
    return key


def _key_fault(key: str) -> str:
    if not _KEY.fullmatch(key) or len(key) > _MAX_KEY:
        return f"'{key}' is no key of 1 to {_MAX_KEY} letters a to z, digits and single hyphens"
    return f"'{key}' is the key of a model of Emo" if key in _TAKEN else ""


# --- guest.yaml ----------------------------------------------------------------------------------


def list_guests(models: Path) -> tuple[str, ...]:
    """Return the keys of all guests, in alphabetical order."""
    folder = guests_directory(models)
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))


def read_guest(models: Path, key: str) -> Guest:
    """Return what the ``guest.yaml`` of a guest says.

    Raises
    ------
    ModelError
        The file is missing, is no YAML, or does not follow the schema.
    """
    import yaml

    path = guests_directory(models) / key / DESCRIPTION
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} is no YAML ({reason}).") from error
    if fault := _key_fault(key) or problem(content):
        raise ModelError(f"{path} cannot be used: {fault}.")
    texts = {field.name: " ".join(content.get(field.name, "").split()) for field in FIELDS}
    return Guest(key=key, protocols=tuple(content["protocols"]), **texts)


def problem(content: Any) -> str:
    """Return what is wrong with the content of a ``guest.yaml``, in words; "" if nothing is."""
    if not isinstance(content, dict):
        return "it is no list of fields such as 'name: My model'"
    if content.get("format") != FORMAT:
        return f"format is {content.get('format')!r}, and this program reads {FORMAT}"
    if unknown := sorted(str(n) for n in content.keys() - {f.name for f in FIELDS} - _OTHERS):
        return f"it has the unknown field '{unknown[0]}'"
    for field in FIELDS:
        if fault := _text_fault(field, content.get(field.name)):
            return fault
    return _protocols_fault(content.get("protocols"))


_OTHERS = {"format", "protocols"}


def _text_fault(field: Field, text: Any) -> str:
    if text is None or text == "":
        return f"it lacks the field '{field.name}'" if field.is_required else ""
    if not isinstance(text, str):
        return f"{field.name} is {text!r} and not a text"
    if len(text) > field.limit:
        return f"{field.name} has {len(text)} characters, and {field.limit} are allowed"
    if not all(letter.isprintable() for letter in text.replace("\n", "")):
        return f"{field.name} has a character that cannot be printed"
    if not re.search(field.pattern, text):
        return f"{field.name} is '{text}', which does not match {field.pattern}"
    return ""


def _protocols_fault(protocols: Any) -> str:
    if not isinstance(protocols, list) or not protocols:
        return "protocols is no list such as [speakers]"
    if unknown := [name for name in protocols if name not in PROTOCOLS]:
        return f"protocols has {unknown[0]!r}, which is none of {', '.join(PROTOCOLS)}"
    return "protocols has one twice" if len(set(protocols)) < len(protocols) else ""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of ``guest.yaml``, for editors and other programs."""
    texts = {
        field.name: {"type": "string", "description": field.meaning, "maxLength": field.limit}
        | ({"minLength": 1} if field.is_required else {})
        | ({"pattern": field.pattern} if field.pattern else {})
        for field in FIELDS
    }
    protocols = {
        "type": "array",
        "items": {"enum": list(PROTOCOLS)},
        "minItems": 1,
        "uniqueItems": True,
        "description": "Protocols whose predictions lie in the folder",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A guest: a model beside those of Emo",
        "type": "object",
        "properties": {"format": {"const": FORMAT}, **texts, "protocols": protocols},
        "required": [
            "format",
            *(field.name for field in FIELDS if field.is_required),
            "protocols",
        ],
        "additionalProperties": False,
    }


# --- Predictions and figures ---------------------------------------------------------------------


def training_list(models: Path, key: str, protocol: str) -> Path:
    """Return the path of the list of what trained a guest; the file may be missing."""
    return guests_directory(models) / key / "trained-on" / f"{protocol}.csv"


def read_tables(models: Path, guest: Guest) -> dict[str, Predictions]:
    """Return the predictions of a guest by protocol, each checked, and its training lists too.

    Raises
    ------
    CorpusError
        A file is missing or has a fault.
    """
    tables = {}
    for protocol in guest.protocols:
        path = predictions_file(guests_directory(models), guest.key, protocol)
        _, tables[protocol] = read_guest_predictions(path, models, protocol)
        listed = training_list(models, guest.key, protocol)
        if listed.exists():
            check_training_list(listed, protocol, tables[protocol])
    return tables


def save_guest(
    models: Path,
    guest: Guest,
    tables: Mapping[str, Predictions],
    training_lists: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Path:
    """Write or replace the folder of a guest, and return its path.

    Parameters
    ----------
    guest
        Its protocols must be those of the tables.
    tables
        Predictions by protocol.
    training_lists
        Content of the lists of what trained it, as CSV, by protocol.
    directory
        Folder of the corpora, for the comparison with listeners.

    Raises
    ------
    ModelError
        A text of the guest cannot be used.
    """
    import yaml

    folder = guests_directory(models) / guest.key
    content: dict[str, Any] = {"format": FORMAT}
    content |= {f.name: value for f in FIELDS if (value := getattr(guest, f.name))}
    content |= {"protocols": list(guest.protocols)}
    if fault := _key_fault(guest.key) or problem(content):
        raise ModelError(f"The guest '{guest.key}' cannot be saved: {fault}.")
    folder.mkdir(parents=True, exist_ok=True)
    for protocol, predictions in tables.items():
        write_predictions(
            predictions_file(guests_directory(models), guest.key, protocol), predictions
        )
    for protocol, text in (training_lists or {}).items():
        path = training_list(models, guest.key, protocol)
        path.parent.mkdir(exist_ok=True)
        with naming(path):
            path.write_text(text, encoding="utf-8")
    with naming(folder / DESCRIPTION):
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    (folder / METRICS).unlink(missing_ok=True)
    write_guest_figures(models, guest, directory)
    return folder


def write_guest_figures(models: Path, guest: Guest, directory: Path | None = None) -> None:
    """Count the figures of a guest from its predictions and write its ``metrics.json``.

    The comparison with listeners needs their votes, and stays as it is without them.

    Parameters
    ----------
    models
        Folder of the models.
    guest
    directory
        Folder of the corpora.

    Raises
    ------
    CorpusError
        A file of predictions is missing or has a fault.
    """
    tables = read_tables(models, guest)
    figures = guest_figures(models, guest.key, tables)
    votes = read_votes(directory) if directory is not None else {}
    if SPEAKERS.key in tables:
        earlier = read_metrics(guests_directory(models), guest.key)["protocols"]
        block = against_listeners(tables[SPEAKERS.key], votes) or earlier.get(LISTENERS.key)
        if block is not None:
            figures["protocols"][LISTENERS.key] = block
    write_metrics(guests_directory(models), figures)


def write_all_figures(models: Path, directory: Path | None = None) -> None:
    """Count the figures of every guest anew and write them (see ``write_guest_figures``).

    Raises
    ------
    CorpusError, ModelError
        A folder has a fault.
    """
    for key in list_guests(models):
        write_guest_figures(models, read_guest(models, key), directory)


# --- Whether every folder is in order ------------------------------------------------------------


def guest_faults(models: Path) -> tuple[str, ...]:
    """Return a sentence for each fault of the folders of guests: their files, sizes and figures."""
    faults: list[str] = []
    for key in list_guests(models):
        try:
            guest = read_guest(models, key)
            faults += _file_faults(models, guest)
            counted = guest_figures(models, key, read_tables(models, guest))
            stored = read_metrics(guests_directory(models), key)
        except EmoError as error:
            faults.append(str(error))
            continue
        where = f"{GUESTS}/{key}/{METRICS}"
        faults += compare_values(where, counted, stored, _DIFFERENCE)
        # The comparison with listeners cannot be counted without the folder of the corpora.
        extra = stored["protocols"].keys() - counted["protocols"].keys() - {LISTENERS.key}
        faults += [f"{where} has {name}, of which no prediction is." for name in sorted(extra)]
    return tuple(faults)


def _file_faults(models: Path, guest: Guest) -> list[str]:
    """Return what files a guest has too many, and whether they are too large."""
    folder = guests_directory(models) / guest.key
    allowed = {folder / DESCRIPTION, folder / METRICS}
    for protocol in guest.protocols:
        allowed.add(predictions_file(guests_directory(models), guest.key, protocol))
        allowed.add(training_list(models, guest.key, protocol))
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    faults = [
        f"{GUESTS}/{path.relative_to(folder.parent).as_posix()} is no file of a guest; remove it."
        for path in files
        if path not in allowed
    ]
    n_bytes = sum(path.lstat().st_size for path in files)
    if n_bytes > MAX_BYTES:
        faults.append(f"{GUESTS}/{guest.key} has {n_bytes:,} bytes, and {MAX_BYTES:,} are allowed.")
    return faults
