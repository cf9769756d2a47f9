"""Facts about the four corpora beside their clips, for responsible use of them.

The properties are those of the vocabulary Croissant RAI 1.0.  What their makers published is said
of each corpus; what was measured in a folder is added by ``corpora.croissant``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Texts = Mapping[str, str | list[str]]
"""Text of each property of Croissant RAI, by its name without the prefix."""

COMMON: Texts = {
    "dataCollectionType": ["Experiments"],
    "dataUseCases": [
        "Teaching and research on acted emotion in the voice.",
        "Measuring how models do on new speakers, rooms and sentences.",
        "Not for decisions about a person, and not for emotion recognition at work or in "
        "education, which the AI Act of the European Union prohibits but for medical and safety "
        "reasons.",
    ],
    "dataSocialImpact": (
        "Models that are trained on acted clips match acted expressions. To take their answers for "
        "what a person feels can harm that person, and people whose voices differ from those of "
        "the actors most of all."
    ),
    "personalSensitiveInformation": [
        "A voice can identify a person. The makers published the recordings for research.",
        "Age, sex, race or ethnicity are known of some speakers.",
    ],
}


@dataclass(frozen=True)
class Datasheet:
    """Facts on a corpus that its file names do not state.

    Attributes
    ----------
    description
        What the corpus holds, in full sentences.
    creators
        Names of its makers.
    published
        Year of the publication that is cited.
    licence
        Address of the licence, or its terms in words.
    texts
        Properties of Croissant RAI beside ``COMMON``.
    """

    description: str
    creators: tuple[str, ...]
    published: int
    licence: str
    texts: Texts


_RAVDESS_LABELS = (
    "The actors were asked for each emotion at two intensities, but neutral, which has one. 247 "
    "untrained raters from North America rated the recordings for emotion, intensity and "
    "genuineness; a further 72 gave test-retest data. The label is the emotion that was asked for."
)
_RAVDESS_TEXTS: Texts = {
    "dataAnnotationProtocol": [_RAVDESS_LABELS],
    "annotationsPerItem": "One label by file name; 10 ratings of each recording were published.",
    "annotatorDemographics": ["247 untrained adults from North America."],
    "dataBiases": [
        "24 professional actors, 12 women and 12 men, all with a neutral North American accent.",
        "Two sentences, so a model can rely on their words.",
        "Neutral has half as many clips as the other emotions.",
    ],
    "dataLimitations": [
        "Acted in a studio, without noise; everyday speech is harder.",
        "Calm is a label of this corpus alone.",
    ],
}

DATASHEETS: Mapping[str, Datasheet] = {
    "cremad": Datasheet(
        description=(
            "Clips of 91 actors who speak 12 sentences with one of six acted emotions, at low, "
            "medium, high or unspecified intensity. Only the sound is described here."
        ),
        creators=(
            "Houwei Cao",
            "David G. Cooper",
            "Michael K. Keutmann",
            "Ruben C. Gur",
            "Ani Nenkova",
            "Ragini Verma",
        ),
        published=2014,
        licence="https://opendatacommons.org/licenses/odbl/1-0/",
        texts={
            "dataCollection": (
                "Actors were filmed while they spoke sentences with emotions that they were asked "
                "to show; the sound of the films is the clip."
            ),
            "dataAnnotationProtocol": [
                "The label is the emotion that the actor was asked to show. 2,443 raters, by "
                "crowdsourcing, named the emotion by the sound, the picture or both."
            ],
            "dataAnnotationPlatform": ["Crowdsourcing"],
            "annotationsPerItem": (
                "One label by file name; more than 7 ratings were published for 95 % of the clips."
            ),
            "dataAnnotationAnalysis": [
                "Raters named the intended emotion by the sound alone for 40.9 % of the clips, by "
                "sound and picture for 63.6 %."
            ],
            "dataBiases": [
                "48 male and 43 female actors, 20 to 74 years old, of several races and "
                "ethnicities; most of them speak North American English.",
                "12 sentences, the same for all actors.",
                "There is no surprise.",
            ],
            "dataLimitations": [
                "Acted in quiet rooms; everyday speech is harder.",
                "The acted emotion is often not the one that people perceive.",
            ],
        },
    ),
    "ravdess": Datasheet(
        description=(
            "Speech of 24 professional actors who say two sentences with one of eight acted "
            "emotions. Only the sound is described here."
        ),
        creators=("Steven R. Livingstone", "Frank A. Russo"),
        published=2018,
        licence="https://creativecommons.org/licenses/by-nc-sa/4.0/",
        texts={
            **_RAVDESS_TEXTS,
            "dataCollection": "Actors spoke two sentences twice in a studio, filmed and recorded.",
        },
    ),
    "ravdess-song": Datasheet(
        description=(
            "Song of 23 of the actors of RAVDESS, who sing the two sentences with one of six acted "
            "emotions. Only the sound is described here."
        ),
        creators=("Steven R. Livingstone", "Frank A. Russo"),
        published=2018,
        licence="https://creativecommons.org/licenses/by-nc-sa/4.0/",
        texts={
            **_RAVDESS_TEXTS,
            "dataCollection": "Actors sang two sentences twice in a studio, filmed and recorded.",
        },
    ),
    "tess": Datasheet(
        description=(
            "Clips of two actresses who say 'Say the word …' with 200 words and one of seven acted "
            "emotions."
        ),
        creators=("M. Kathleen Pichora-Fuller", "Kate Dupuis"),
        published=2020,
        licence="https://creativecommons.org/licenses/by-nc-nd/4.0/",
        texts={
            "dataCollection": "Two actresses spoke each of the 200 phrases with each emotion.",
            "dataAnnotationProtocol": [
                "The label is the emotion that the actress was asked to show."
            ],
            "annotationsPerItem": "One label by file name.",
            "dataBiases": [
                "Two women, 26 and 64 years old, from the region of Toronto.",
                "One carrier phrase for all clips.",
            ],
            "dataLimitations": [
                "With two speakers, no interval over speakers can be trusted.",
                "Models reach nearly 100 % where the speaker was in training.",
            ],
        },
    ),
    "savee": Datasheet(
        description=(
            "Clips of four men who speak sentences of TIMIT with one of seven acted emotions."
        ),
        creators=("Sanaul Haq", "Philip J. B. Jackson"),
        published=2010,
        licence="Free for research, after registration",
        texts={
            "dataCollection": (
                "Four postgraduate students and researchers of the University of Surrey were "
                "filmed in a laboratory while they spoke sentences with an emotion that was shown "
                "to them."
            ),
            "dataAnnotationProtocol": [
                "The label is the emotion that the speaker was asked to show."
            ],
            "annotationsPerItem": "One label by file name.",
            "dataBiases": [
                "Four men, 27 to 31 years old, native speakers of British English.",
                "Neutral has twice as many clips as the other emotions.",
                "The recordings of KL are more than 20 dB softer than the others.",
            ],
            "dataLimitations": [
                "With four speakers, intervals over speakers are too narrow.",
                "Copies of the corpus are in use whose labels are wrong, because files were "
                "sorted by speaker and read as sorted by emotion.",
            ],
        },
    ),
}
"""Facts on each of ``catalogue.CORPORA`` by its key."""

OWN = Datasheet(
    description="Clips of somebody's own, with the labels and speakers that a manifest states.",
    creators=(),
    published=0,
    licence="",
    texts={
        "dataCollectionType": ["Others"],
        "dataAnnotationProtocol": ["The label of a clip is the one that its manifest states."],
        "annotationsPerItem": "One label a clip.",
        "personalSensitiveInformation": [
            "A voice can identify a person. Whether the speakers agreed is not known here."
        ],
    },
)
"""Facts on own clips: nothing is known of them but what their owner states."""
