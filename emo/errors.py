"""Define the errors of the package.

Each message is a sentence that can be shown to a person: what is wrong, and what would work.
"""


class EmoError(Exception):
    """Base of every error that the package raises on purpose."""


class AudioError(EmoError):
    """The recording cannot be used."""


class NotAudioError(AudioError):
    """The bytes are not in a format that can be decoded."""


class DecoderMissingError(AudioError):
    """The format needs a decoder that is not installed."""


class LimitError(AudioError):
    """A size, duration, sample rate or number of channels is outside the limits."""


class TooShortError(LimitError):
    """The recording is shorter than the shortest clip that can be classified."""


class TooLongError(LimitError):
    """The recording is longer than the longest clip that is read."""


class SilentError(AudioError):
    """Every sample is zero, or too close to zero to be audible."""


class ChannelError(AudioError):
    """The recording does not have the requested channel."""


class DecoderError(AudioError):
    """The process that decodes recordings crashed or reached its limits on this one."""


class NotFiniteError(AudioError):
    """The samples contain NaN or infinity."""


class SettingError(EmoError):
    """A setting is outside its limits."""


class CorpusError(EmoError):
    """A folder of recordings, or a list of them, cannot be used."""


class ModelError(EmoError):
    """A stored model is missing, damaged, or made for other labels or features."""


class ModelFaultError(ModelError):
    """A classifier returned values for a clip that are not finite.

    Attributes
    ----------
    key : str
        Key of the classifier.
    """

    def __init__(self, key: str, title: str) -> None:
        super().__init__(
            f"The {title.lower()} returned values for this clip that are not numbers, which is a "
            "fault of the model and not of the clip. Fetch the folder models/ again, or train it."
        )
        self.key = key


class GuestError(EmoError):
    """A model by others cannot be loaded, or fails."""


class AdaptationError(EmoError):
    """Examples for adaptation, or a file of them, cannot be used."""


class BusyError(EmoError):
    """Too many analyses are running and waiting already.

    Attributes
    ----------
    wait_s : int
        Seconds after which to try again.
    """

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Emo is busy. Please try again in {wait_s} s.")
        self.wait_s = wait_s
