"""Clips that become examples on the page *Teach it*."""

from collections.abc import Sequence

from emo.app.compare.collection import Entry, session_clips
from emo.app.teach import session
from emo.app.teach import text as teach_text
from emo.errors import AdaptationError
from emo.inference import adaptation
from emo.inference.predictor import Prediction


def sendable(entries: Sequence[Entry]) -> list[Entry]:
    """Return the clips that can be examples: with an expected emotion and hidden values."""
    return [
        entry
        for entry in entries
        if entry.expected and not isinstance(entry.result, str) and len(entry.result.hidden)
    ]


def send(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Make clips examples of their expected emotions, and return names and sentences of faults.

    An example has the answers among all emotions, as one that is given on the page itself.
    """
    examples, faults = session.examples(), []
    for entry in sendable(entries):
        result = session_clips().results.get(entry.digest)
        if not isinstance(result, Prediction):
            continue
        example = adaptation.to_example(entry.name, entry.expected, result)
        try:
            examples = adaptation.add_example(examples, example)
        except AdaptationError as error:
            faults.append((entry.name, str(error)))
            break
        faults += [
            (entry.name, teach_text.used_anyway(warning.sentence))
            for warning in result.speech_warnings
        ]
    session.set_examples(examples)
    return faults
