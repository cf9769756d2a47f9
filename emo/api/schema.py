"""Describe the responses for the OpenAPI document; the answers themselves are made elsewhere.

A field with the default None is missing where it has no value.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def _optional(description: str = "") -> Any:
    """Return the default of a field that may be missing."""
    return Field(None, description=description or None)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


Probabilities = dict[str, float]


class Answer(_Model):
    """The answer of one model."""

    name: str = _optional("Name of a guest.")
    label: str = Field(description="The likeliest emotion.")
    confidence: float = Field(description="Its calibrated probability, 0 to 1.")
    runner_up: str = Field(description="The second likeliest emotion.")
    unsure: bool = Field(description="The confidence is too low to rely on the answer.")
    probabilities: Probabilities = Field(
        description="Of all emotions, adding up to 1; 0 for one that cannot occur."
    )
    sets: dict[str, list[str]] = Field(
        default={},
        description="Prediction sets: the emotions among which the acted one is in 80 and 90 % of "
        "the clips of new speakers.",
    )


class Quality(_Model):
    """Measurements of a recording."""

    duration_s: float = Field(description="Length in seconds.")
    source_rate_hz: int = Field(description="Sample rate of the file.")
    source_channels: int
    peak_db: float = Field(description="Highest sample, in dB relative to full scale.")
    speech_db: float = Field(description="Level of the speech, in dB relative to full scale.")
    clipped: float = Field(description="Share of the recording at full scale, 0 to 1.")
    noise_below_db: float | None = Field(description="By how much the noise is below the voice.")
    speech: float = Field(description="Share of the recording that is speech, 0 to 1.")
    bandwidth_hz: float = Field(description="Highest frequency with sound.")
    quality_warnings: list[str] = Field(description="Sentences on what may affect the answers.")


class SpeechWarning(_Model):
    """Why a recording may not be speech."""

    kind: str = Field(description="`silence`, `noise`, `tone`, `music`, `other` or `gap`.")
    sentence: str


class Voice(_Model):
    """State of the answer with the voice known (`same_speaker`)."""

    clips: int = Field(description="Different clips, or windows, of the speaker.")
    used: bool = Field(description="There is an answer `voice`.")
    note: str = Field(description="Sentence on it.")


class Window(_Model):
    """The answers for a stretch of speech of at most three seconds."""

    start_s: float = Field(description="Start of the window in the recording.")
    stop_s: float
    segment_start_s: float = Field(description="Start of the part that the window answers for.")
    segment_end_s: float
    models: dict[str, Answer] = Field(description="By model, as in a prediction.")


class Timeline(_Model):
    """The answers over the time of a recording: `emo timeline --format json`."""

    duration_s: float
    warnings: list[str]
    speech_warnings: list[SpeechWarning]
    among: list[str]
    voice: Voice = _optional()
    windows: list[Window]


class Prediction(_Model):
    """The answers to a recording: an entry of the list of `emo predict --format json`.

    Of several recordings, one that cannot be used has `path` and `error` alone.
    """

    path: str = Field(description="Name of the recording, as it was sent.")
    error: str = _optional("Why there is no answer.")
    duration_s: float = _optional("Length in seconds.")
    warnings: list[str] = _optional("Sentences on the recording.")
    speech_warnings: list[SpeechWarning] = _optional(
        "Why it may be no speech, for which alone the models were trained."
    )
    quality: Quality = _optional("Measurements of the recording.")
    among: list[str] = _optional("The emotions that can occur.")
    models: dict[str, Answer] = _optional(
        "By model: `tree`, `cnn`, `mlp`, `pretrained`, then `ensemble`, which is the "
        "answer to show; and `voice` where the voice is known, which is then better.",
    )
    strange: float = _optional(
        "How unlike the training clips it is, 0 to 1; answers are then less sure."
    )
    ensembles: dict[str, Answer] = _optional("Further ensembles.")
    voice: Voice = _optional("Whether the voice is known (`same_speaker`).")
    faults: dict[str, str] = _optional("Models that failed, and why.")
    why: dict[str, dict[str, Any]] = _optional(
        "Reasons by model (`explain`), as `emo explain --format json` has them."
    )
    timeline: Timeline = _optional("The answers over time (`timeline`).")
    embeddings: dict[str, list[float]] = _optional("Numbers by layer (`embeddings`).")


class Figures(_Model):
    """How often a model is right, measured on clips that it was not trained on."""

    n: int = Field(description="Clips tested.")
    accuracy: float = _optional()
    accuracy_interval: list[float] = _optional("95 % interval over speakers.")
    uar: float = _optional("Unweighted average recall.")
    macro_f1: float = _optional()
    ece: float = _optional("Expected calibration error.")


class TrainedOn(_Model):
    """The clips that a model was fitted to."""

    corpora: list[str]
    clips: int
    speakers: int


class ModelRow(_Model):
    """A model."""

    key: str = Field(description="Its key in the answers.")
    kind: str = Field(description="`classifier`, `ensemble`, `voice` or `guest`.")
    title: str
    description: str
    available: bool = Field(description="It could be loaded.")
    members: list[str] = _optional("Classifiers of an ensemble.")
    commit: str = _optional()
    seed: int = _optional()
    n_parameters: int = _optional()
    sha256: str = _optional("Digest of the file of its weights.")
    trained_on: TrainedOn = _optional()
    pretraining: str = _optional()
    figures: dict[str, Figures | dict[str, Figures]] = Field(
        description="By protocol: `cross-corpus` is nearest to recordings from elsewhere; of "
        "`voice` by the number of clips known too."
    )
    card: str | None = Field(description="Address of its card; null where it has none.")


class LayerRow(_Model):
    """A layer of `embeddings`."""

    name: str
    width: int = Field(description="Numbers of the layer.")
    description: str
    sha256: str


class ModelList(_Model):
    """The models that answer."""

    version: str = Field(description="Version of Emo.")
    labels: list[str]
    models: list[ModelRow]
    embeddings: list[LayerRow]


class Health(_Model):
    """The state of the server."""

    status: str = Field(description="`ok`, or `stopping` with status 503.")
    version: str
    sandbox: str = Field(description="`complete`, `starting`, or what the decoder lacks.")


class FailedRecording(_Model):
    """A recording that cannot be used."""

    path: str
    error: str


class Problem(_Model):
    """An error (RFC 9457), with the sentence that the page and the command show too."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what would work.")
    code: str = _optional("Name of the error for programs.")
    errors: list[FailedRecording] = _optional("Of several recordings, none of which could be used.")
