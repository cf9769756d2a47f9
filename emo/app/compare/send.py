"""Clips that become examples on the page *Teach it*."""

from collections.abc import Sequence

from emo.app import common
from emo.app.compare.collection import Entry, UploadedClip, session_clips
from emo.app.own import served
from emo.app.teach import session, sounds
from emo.app.teach import text as teach_text
from emo.audio import isolated
from emo.errors import AdaptationError, AudioError, BusyError
from emo.inference import adaptation
from emo.inference.adaptation import Example
from emo.inference.predictor import Prediction
from emo.server import memory


def sendable(entries: Sequence[Entry]) -> list[Entry]:
    """Return the clips that can be examples: with an expected emotion and hidden values."""
    return [
        entry
        for entry in entries
        if not served.is_own()
        and entry.expected
        and not isinstance(entry.result, str)
        and len(entry.result.hidden)
    ]


def send(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Make clips examples of their expected emotions, and return names and sentences of faults.

    An example has the answers among all emotions, as one that is given on the page itself.
    """
    examples, faults = session.examples(), []
    sent: list[tuple[Example, UploadedClip]] = []
    for entry in sendable(entries):
        result = session_clips().results.get(entry.digest)
        if not isinstance(result, Prediction):
            continue
        example = adaptation.to_example(entry.name, entry.expected, result)
        try:
            examples = adaptation.add_example(examples, example)
            sent.append((example, entry.clip))
        except AdaptationError as error:
            faults.append((entry.name, str(error)))
            break
        faults += [
            (entry.name, teach_text.used_anyway(warning.sentence))
            for warning in result.speech_warnings
        ]
    session.set_examples(examples)
    _keep_sounds(sent)
    return faults


def _keep_sounds(sent: Sequence[tuple[Example, UploadedClip]]) -> None:
    """Keep the sounds of new examples, so that they can be heard; none if the server is busy."""
    try:
        for example, clip in sent:
            with common.task_slot("decode", memory.DECODE_BYTES):
                decoded = isolated.shared_decoder().decode(clip.data, clip.names[0])
                sounds.keep_sound(example, decoded)
    except (AudioError, BusyError) as error:  # an example is one without its sound too
        common.LOG.warning("%s", type(error).__name__)
