"""Errors a person may meet.  Each message is a sentence: what is wrong, and what would work."""


class EmoError(Exception):
    """Base of every error that Emo raises on purpose; its text is fit to show to a person."""


class AudioError(EmoError):
    """The recording cannot be used."""


class NotAudioError(AudioError):
    """The bytes hold no sound that a decoder here can read."""


class DecoderMissingError(AudioError):
    """The format needs a decoder that is not installed."""


class LimitError(AudioError):
    """A size, duration, rate or channel count lies outside the stated limits."""


class TooShortError(LimitError):
    """Less sound than the shortest clip a classifier can use."""


class TooLongError(LimitError):
    """More sound than the longest clip that is read."""


class SilentError(AudioError):
    """Every sample is zero, or so near it that nothing can be heard."""


class ChannelError(AudioError):
    """The recording has no such channel as was asked for."""


class DecoderError(AudioError):
    """The process that reads recordings ended, or was ended at its limits, over this one."""


class NotFiniteError(AudioError):
    """The samples contain NaN or infinity."""


class SettingError(EmoError):
    """A setting lies outside its limits."""


class CorpusError(EmoError):
    """A folder of recordings, or a list of them, cannot be used."""


class ModelError(EmoError):
    """A stored model is missing, damaged, or made for other labels or features."""


class ModelFaultError(ModelError):
    """A classifier gave values for a clip that are not numbers.

    Attributes
    ----------
    key
        Of the classifier.
    """

    def __init__(self, key: str, title: str) -> None:
        super().__init__(
            f"The {title.lower()} gave values for this clip that are not numbers, which is a fault "
            "of the model and not of the clip. Fetch the folder models/ again, or train it anew."
        )
        self.key = key


class AdaptationError(EmoError):
    """Clips that a person taught, or a file of them, cannot be used."""


class BusyError(EmoError):
    """So many analyses run and wait already that one more would be in nobody's interest.

    Attributes
    ----------
    wait_s
        After how many seconds it may be tried again.
    """

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"Emo is busy. Please try again in {wait_s} s.")
        self.wait_s = wait_s
