"""Sum up a timeline in one sentence by time."""

from dataclasses import dataclass

from emo.formatting import NBSP, clock
from emo.inference.timeline import Timeline

MIN_SHARE = 0.1
"""Least share of the speech that a further emotion needs to be named."""

MAX_NAMED = 3
"""Emotions that are named at most."""

NO_SPEECH = "No speech was found"
NO_ANSWER = "No answer yet"


@dataclass(frozen=True)
class Headline:
    """The answer to a recording over time, in one sentence and in figures.

    Attributes
    ----------
    text : str
        Such as "Mostly sad (21 s), then happy (12 s); unsure for 4 s", without a full stop.
    named : tuple of (str, float)
        The labels in the text, the longest first, with the seconds of speech in which the answer is
        sure of them.
    unsure_s : float
        Seconds of speech in which the answer is unsure.
    speech_s : float
        Seconds of speech that are answered.
    is_complete : bool
        True if all windows are answered.
    """

    text: str
    named: tuple[tuple[str, float], ...]
    unsure_s: float
    speech_s: float
    is_complete: bool


def headline(timeline: Timeline) -> Headline:
    """Return a timeline in one sentence: for how long which answer is the likeliest.

    Only time in which the answer is sure counts for a label.  "Mostly" is said of a label, or of
    unsure answers, with more than half of the speech.  Labels follow by their time, up to three,
    each with a tenth of the speech or more.  Where a second of the speech or more is unsure, the
    sentence says for how long.

    Parameters
    ----------
    timeline : Timeline
        Complete or not; the answers are those shown first (``Timeline.served``).

    Examples
    --------
    >>> from emo.inference.headline import headline
    >>> headline(timeline).text  # doctest: +SKIP
    'Mostly sad (21 s), then happy (12 s)'
    """
    sure_s = dict.fromkeys(timeline.labels, 0.0)
    unsure_s = 0.0
    for cue in timeline.cues():
        if cue.answer.unsure:
            unsure_s += cue.stop_s - cue.start_s
        else:
            sure_s[cue.answer.label] += cue.stop_s - cue.start_s
    speech_s = unsure_s + sum(sure_s.values())
    ranked = sorted(((label, s) for label, s in sure_s.items() if s), key=lambda row: -row[1])
    named = tuple(
        (label, s) for i, (label, s) in enumerate(ranked) if i == 0 or s >= MIN_SHARE * speech_s
    )[:MAX_NAMED]
    is_complete = timeline.done == timeline.total
    blank = NO_SPEECH if is_complete else NO_ANSWER
    text = _sentence(named, unsure_s, speech_s) if speech_s else blank
    return Headline(text, named, unsure_s, speech_s, is_complete)


def _sentence(named: tuple[tuple[str, float], ...], unsure_s: float, speech_s: float) -> str:
    if not named:
        return f"Unsure throughout ({_length(unsure_s)})"
    texts = [f"{label} ({_length(s)})" for label, s in named]
    if unsure_s > speech_s / 2:
        return f"Mostly unsure ({_length(unsure_s)}), else {', then '.join(texts)}"
    first, s = named[0]
    if s > speech_s - 0.5:
        return f"{first.capitalize()} throughout ({_length(s)})"
    is_most = s > speech_s / 2
    lead = f"Mostly {texts[0]}" if is_most else f"{texts[0][0].upper()}{texts[0][1:]}"
    rest = "".join(f", then {text}" for text in texts[1:])
    unsure = f"; unsure for {_length(unsure_s)}" if unsure_s >= 1.0 else ""
    return f"{lead}{rest}{unsure}"


def _length(duration_s: float) -> str:
    r"""Return a duration in whole seconds.

    >>> _length(0.4), _length(21.4), _length(125)
    ('<1\xa0s', '21\xa0s', '2:05\xa0min')
    """
    if duration_s < 0.5:
        return f"<1{NBSP}s"
    if duration_s < 59.5:
        return f"{duration_s:.0f}{NBSP}s"
    return f"{clock(duration_s)}{NBSP}min"
