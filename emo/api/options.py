"""Options of a request, from its address and from the fields of its form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emo.api.problems import ProblemError
from emo.audio.channels import CHANNELS, EACH, MIX
from emo.formatting import listed

ONE_CHANNEL = tuple(name for name in CHANNELS if name != EACH)

MAX_SHOWN = 40
"""Characters of a wrong value that its error repeats."""


class Options(BaseModel):
    """Options of a prediction; each is a parameter of the address, or a field of the form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    among: str = Field(
        "",
        description="Emotions that can occur, separated by commas; the answers are chosen among "
        "them. All by default.",
        examples=["angry,happy,neutral,sad"],
    )
    channel: str = Field(
        MIX,
        description="Channel of a recording with several: `mix` of all, `left`, `right`, or a "
        "number from 1.",
        examples=["left"],
    )
    same_speaker: bool = Field(
        False,
        description="State that all recordings are of one speaker. Five or more get one more "
        "answer, `voice`, relative to what they have in common; with `timeline`, so do five or "
        "more windows of a recording.",
    )
    timeline: bool = Field(
        False,
        description="Add `timeline`: the answers over the time of each recording, as `emo "
        "timeline --format json` has them.",
    )
    explain: bool = Field(
        False,
        description="Add `why`: the reasons of each model, as `emo explain --format json` has "
        "them.",
    )
    embeddings: bool = Field(
        False,
        description="Add `embeddings`: the numbers of the inner layers, as `emo.embed` returns "
        "them. `GET /models` describes the layers.",
    )
    guest: bool = Field(
        False,
        description="Add `guest` to the models: the answer of the guest of the server, a model by "
        "others, as `emo predict --guest` has it. `GET /models` says whether there is one.",
    )
    name: str = Field(
        "",
        description="Name of the recording, for a body that is one. A form has names of its own.",
        examples=["clip.wav"],
    )


@dataclass(frozen=True)
class Request:
    """Checked options of a request, see ``Options``; ``among`` depends on the models."""

    among: str = ""
    channel: str = MIX
    same_speaker: bool = False
    timeline: bool = False
    explain: bool = False
    embeddings: bool = False
    guest: bool = False
    name: str = ""


def read_options(values: Mapping[str, str]) -> Request:
    """Return the options that texts state.

    Raises
    ------
    ProblemError
        An option is unknown, or its value cannot be used.
    """
    try:
        options = Options.model_validate(dict(values))
    except ValidationError as error:
        raise _problem(error.errors()) from error
    if options.channel not in ONE_CHANNEL:
        raise ProblemError(
            422,
            f"channel is {options.channel[:MAX_SHOWN]!r}. Please give {listed(ONE_CHANNEL[:3])}, "
            f"or a number from 1 to {ONE_CHANNEL[-1]}.",
            "setting",
        )
    return Request(**options.model_dump())


def _problem(errors: Iterable[Any]) -> ProblemError:
    """Return the problem of the first error of pydantic, whose own texts name types."""
    error = next(iter(errors))
    name = str(error["loc"][-1])[:MAX_SHOWN]
    value = str(error["input"])[:MAX_SHOWN]
    if error["type"] == "extra_forbidden":
        names = listed(tuple(Options.model_fields))
        hint = " A recording in a form needs a file name, as curl -F file=@clip.wav gives it."
        detail = f"There is no option {name!r}. The options are {names}."
        return ProblemError(422, detail + (hint if name == "file" else ""), "setting")
    detail = f"{name} is {value!r}. Please give true or false."
    return ProblemError(422, detail, "setting")
