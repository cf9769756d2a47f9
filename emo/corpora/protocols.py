"""The protocols by which the classifiers are tested, each with its title and what it measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """One protocol, as every table, page and command names it.

    Attributes
    ----------
    key
        Name in files, on the command line and in addresses.
    title
        Name for people.
    tests
        What is tested, to follow "tests".
    description
        What the figures measure, in full sentences.
    """

    key: str
    title: str
    tests: str
    description: str


RANDOM = Protocol(
    "random",
    "Random clips",
    "a random fifth of the clips, whose speakers are also in training",
    "A random fifth of all clips is the test, and most of the rest trains. The speakers of the "
    "test also speak in training clips, so these figures are higher than for a new voice.",
)
SPEAKERS = Protocol(
    "speakers",
    "Unseen speakers",
    "speakers that are not in training",
    "Every clip of a tested speaker, spoken or sung, is kept out of training, but other speakers "
    "in the same studios train. Expect these figures for a new actor there.",
)
CROSS_CORPUS = Protocol(
    "cross-corpus",
    "Cross-corpus",
    "a corpus that is not in training",
    "Three corpora train and the fourth is the test, so that the speakers, sentences, rooms and "
    "microphones are all new. These figures are nearest to what to expect of a recording of your "
    "own. UAR is the mean of the four corpora, each counting alike.",
)
EMOBOX = Protocol(
    "emobox",
    "EmoBox",
    "the clip lists of the EmoBox benchmark for CREMA-D and TESS",
    "The EmoBox benchmark fixes the test clips of each corpus, so that models of different makers "
    "can be compared. Most of the published models beside these were pre-trained on a thousand "
    "hours of other speech or more.",
)
LISTENERS = Protocol(
    "listeners",
    "Listeners",
    "the clips of CREMA-D, beside the votes of people who heard them",
    "The clips of CREMA-D, labelled by models that were not trained on their speakers and by "
    "people who heard only the clip. Right is the emotion that the actor was asked to show. The "
    "models choose among the six labels that the listeners could give.",
)
NON_SPEECH = Protocol(
    "non-speech",
    "Non-speech",
    "how often speech is reported as none, and music, noise and silence as such",
    "All clips, and music, noise and signals made by formula: how often each is reported as not "
    "being speech.",
)

ROBUSTNESS = Protocol(
    "robustness",
    "Altered sound",
    "the clips of the six held-out speakers, as recorded and altered",
    "The models that ship answer the clips of six speakers on whom nothing that ships was trained, "
    "as recorded and with noise, in rooms, by telephone, as MP3, cut short and so on. The answers "
    "are those that people get. Each loss is that of the same clips. With only six speakers, its "
    "interval is too narrow.",
)

PROTOCOLS = {row.key: row for row in (RANDOM, SPEAKERS, EMOBOX, CROSS_CORPUS)}
"""Protocols with folds, each of which trains the classifiers, in the order of every table."""

COMPARISONS = {row.key: row for row in (LISTENERS, NON_SPEECH, ROBUSTNESS)}
"""Protocols that train no classifier."""

ALL_PROTOCOLS = PROTOCOLS | COMPARISONS
