"""Guess the acted emotion of a clip from its file name and its folders."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from emo.corpora.catalogue import CREMAD_EMOTIONS, read_stem
from emo.labels import LABELS

_SPELLINGS = {
    "angry": "anger angered angrily rage raging furious fury mad wut wuetend aerger colere enojo "
    "enfado rabbia arrabbiato",
    "disgusted": "disgust disgusting disgustedly ekel degout asco disgusto",
    "fearful": "fear fearfully afraid scared scary angst peur miedo paura",
    "happy": "happiness happily joy joyful joyous cheerful freude froehlich gluecklich joie "
    "heureux alegria feliz felice gioia",
    "neutral": "neutrally neutrality neutre neutro neutrale",
    "sad": "sadness sadly sorrow sorrowful traurig trauer triste tristesse tristeza tristezza",
    "surprised": "surprise surprising surprisingly astonished ueberrascht ueberraschung surpris "
    "sorpresa sorpreso",
}
"""Words for each emotion beside its label, in the five languages of the largest corpora."""

_EMOTIONS = {word: label for label in LABELS for word in (label, *_SPELLINGS[label].split())}
_CODES = CREMAD_EMOTIONS | {"SUR": "surprised", "PS": "surprised"}  # in capitals alone
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def guess_emotion(name: str) -> str | None:
    r"""Return the emotion that a file name states; None where it states none, or several.

    A name of one of the corpora is read as such; calm, which is no answer, gives None.  Any other
    file name is searched for words, then its folders, the innermost first.

    Parameters
    ----------
    name : str
        File name, with its folders where they are known, divided by ``/`` or ``\``.

    Returns
    -------
    str or None
        One of ``LABELS``.

    Examples
    --------
    >>> guess_emotion("1001_DFA_ANG_XX.wav"), guess_emotion("clips/Sadness/anna 2.mp3")
    ('angry', 'sad')
    >>> guess_emotion("happy or sad.wav") is None
    True
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if clip := read_stem(path):
        emotion = clip[1].emotion
        return emotion if emotion in LABELS else None
    for part in (path.stem, *(folder.name for folder in path.parents)):
        emotions = _emotions_in(part)
        if emotions:
            return emotions.pop() if len(emotions) == 1 else None
    return None


def guess_label(name: str, labels: Sequence[str]) -> str | None:
    """Return the label of own models that a file name states; None where it states none.

    That of ``guess_emotion`` where it is one of the labels; else the one label that is a word of
    the file name, or of a folder, the innermost first.

    Examples
    --------
    >>> guess_label("clips/ann_bored_2.wav", ("happy", "bored"))
    'bored'
    >>> guess_label("Sadness/2.wav", ("happy", "bored")) is None
    True
    """
    emotion = guess_emotion(name)
    if emotion in labels or not set(labels) - set(LABELS):
        return emotion if emotion in labels else None
    path = PurePosixPath(name.replace("\\", "/"))
    for part in (path.stem, *(folder.name for folder in path.parents)):
        words = set(re.split(r"[\W_]+", part.casefold()))
        stated = [label for label in labels if label in words]
        if stated:
            return stated[0] if len(stated) == 1 else None
    return None


def _emotions_in(text: str) -> set[str]:
    """Return the emotions whose words or codes are in a text."""
    plain = unicodedata.normalize("NFC", text).translate(_UMLAUTS)
    plain = unicodedata.normalize("NFD", plain).encode("ascii", "ignore").decode()
    words = _WORD.findall(plain)
    found = {_CODES.get(word) or _EMOTIONS.get(word.lower()) for word in words}
    return {emotion for emotion in found if emotion is not None}
