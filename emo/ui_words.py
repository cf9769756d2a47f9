"""The words of the pages, in one place.  Nothing here imports Streamlit."""

from collections.abc import Mapping
from typing import Any

from emo import audio
from emo.classifiers import CLASSIFIERS
from emo.containers import READS
from emo.corpora import CORPORA
from emo.labels import LABELS

Scores = Mapping[str, Any]
Section = tuple[str, str]
"""Heading and text, as Markdown."""

NBSP = "\u00a0"

_SHORT_NAMES = {"cnn": "CNN", "mlp": "MLP"}
_SHORT_KINDS = {
    "tree": "Yes-or-no questions about how the voice sounds, one after another.",
    "cnn": "A convolutional network that reads the spectrogram like a picture.",
    "mlp": "A multilayer perceptron: small networks over many measurements of the sound.",
}
MODEL_NAMES = {key: _SHORT_NAMES.get(key, row.title) for key, row in CLASSIFIERS.items()}
MODEL_NAMES["vote"] = "Vote"
MODELS_IN_TEXT = {
    key: f"the {_SHORT_NAMES.get(key, row.title.lower())}" for key, row in CLASSIFIERS.items()
}
MODEL_KINDS = {key: _SHORT_KINDS.get(key, row.description) for key, row in CLASSIFIERS.items()}
VOTE_KIND = "The average of the probabilities of all three."

ALL_CORPORA = "all"
CORPUS_NAMES = {ALL_CORPORA: "All corpora"} | {corpus.key: corpus.title for corpus in CORPORA}

PROTOCOL_LABEL = "Tested on"
SHOW_LABEL = "Numbers"
CORPUS_LABEL = "Recordings"
FOLD_LABEL = "Fold"
PROTOCOL_NAMES = {"voices": "Unseen voices", "clips": "Random clips"}
PROTOCOL_MEANINGS = {
    "voices": (
        "No speaker in the test was heard in training. This is what to expect for a person "
        "who is new to the models."
    ),
    "clips": (
        "A random fifth of the clips is the test. The same speakers were heard in training, "
        "so the figures flatter: they are here because the old project measured this way."
    ),
}
SHOW_NAMES = {"shares": "Share of each row", "counts": "Counts"}

ANALYSE_TITLE = "The emotion in a voice"
ANALYSE_LEAD = (
    "Give it a clip of speech. Three classifiers, built differently and trained on acted "
    "recordings, each say which of seven acted emotions it sounds most like."
)
UPLOAD_LABEL = "Upload a clip"
UPLOAD_HELP = f"{READS}; up to {audio.MAX_DURATION_S / 60:.0f} minutes."
RECORD_LABEL = "Record a clip"
SAMPLES_LABEL = "Or pick a sample"
SAMPLES_NOTE = (
    "Synthetic speech, chosen because these models find it clear: no test of them. "
    "No person speaks."
)
NO_SAMPLES = "No samples are here. Run `make samples` to make them."
RECORDING = "Recording"
LISTENING = "Listening …"
LOADING = "Loading the models …"
JSON_LABEL = "Answers as JSON"
CSV_LABEL = "Answers as CSV"
FORGET_LABEL = "Forget this clip"
FORGET_HELP = "Removes the clip and its answers from this session."

EXPECTATION = "What to expect: right answers on voices that the models had never heard"
EXPECTATION_NOTE = (
    f"Guessing would be right for {100 / len(LABELS):.0f}{NBSP}%. These are clips of actors; "
    "everyday speech is harder."
)
COURTESY = (
    "Only give it voices of people who know about it and agree. Your audio stays in memory, for "
    "this session."
)
UNMEASURED = "How often it is right has not been measured yet."
SYNTHETIC = "synthetic speech"
PLAYER_ALT = "The clip as the models hear it"
VOTE_BARS = "Vote: share of each emotion"
WAVEFORM_ALT = "Waveform of the clip over time in seconds"
SPECTROGRAM_ALT = "Mel spectrogram of the clip: time in seconds across, frequency in kilohertz up"
RESULT_OVERLINE = "The vote of all three"
CONFIDENCE_NOTE = (
    "The percentages are how a model shares out its belief between the seven emotions. They are "
    "not the chance that it is right: that is measured, and stands under each model."
)
SOUND_TITLE = "The sound"
SPECTROGRAM_NOTE = (
    "Above, the waveform; below, how strong each pitch region is over time: the brighter, the "
    "louder. The frequencies are spaced as the ear hears them."
)
SHADED_NOTE = "Shaded: silence at the ends, which no model uses."

MATRICES_TITLE = "Confusion matrices"
MATRICES_LEAD = (
    "What each model answered for clips whose acted emotion is known, and that it was not trained "
    "on. Each row holds the clips of one emotion; the diagonal is where the model was right."
)
PER_CLASS_TITLE = "Emotion by emotion"
PER_CLASS_NOTE = (
    "Precision: of the clips that it called so, the share that were. Recall: of the clips that "
    "were so, the share that it found. F1 balances the two."
)
CURVES_TITLE = "How the CNN learned"
CURVES_NAMES = ("training clips", "test clips")
CURVES_NOTE = (
    "Training clips are made harder on purpose (stretched, mixed, noisy), so their line may lie "
    "below that of the test clips. The line of the test clips counts a few hundred of them."
)
OLD_TITLE = "Beside the project that this one replaces"
CURVE_TITLES = {"loss": "Loss", "accuracy": "Accuracy"}
NO_CURVES = "No learning curve was kept for this kind of test."
NOT_TESTED = "No model was tested on these recordings in this way."
PER_CLASS_COLUMNS = ("Emotion", "Clips", "Precision", "Recall", "F1")
OLD_COLUMNS = ("Model", "It printed", "Ours, random clips", "Ours, unseen voices")
OLD_NOTE = "All figures in this table are accuracies."
PROVENANCE_TITLE = "Where these figures come from"
RESULT_COLUMNS = (
    "Model",
    "Unseen voices: accuracy",
    "UAR",
    "Random clips: accuracy",
    "UAR",
)
RESULTS_CAPTION = "Accuracy and UAR of each model"
DATA_CAPTION = "Collections of recordings"
DATA_SOURCES = "Where they come from"
DATA_COLUMNS = ("Collection", "Clips", "Speakers", "Licence")
SCORE_NAMES = {"accuracy": "Accuracy", "uar": "UAR", "macro_f1": "Macro-F1"}
SCORES_NOTE = (
    "Accuracy: the share of clips named right. UAR: the mean recall over the emotions, so that "
    f"rare ones count as much as common ones; guessing gives {100 / len(LABELS):.0f}{NBSP}%. "
    "Macro-F1: the mean of the F1 of each emotion."
)

NO_MODELS = (
    "No trained models are here, or they are damaged, so no clip can be read. Run `make models` "
    "to train them, or fetch the folder `models/` again."
)
NO_METRICS = (
    "No measurements of the models are here. Run `make models` to make them; the README says "
    "where the recordings come from."
)
UNEXPECTED = (
    "Something inside Emo failed on this clip; the log of the server says what. Try another clip, "
    "or save this one as WAV and try again."
)


def percent(share: float) -> str:
    """A share as text, such as "71 %"; what would round to nought is "<1 %"."""
    if 0.0 < share < 0.005:
        return f"<1{NBSP}%"
    return f"{100 * share:.0f}{NBSP}%"


def seconds(duration_s: float) -> str:
    """A duration as text, such as "2.4 s" or "3 min 05 s"."""
    if duration_s < 60:
        return f"{duration_s:.1f}{NBSP}s"
    minutes, rest = divmod(round(duration_s), 60)
    return f"{minutes}{NBSP}min {rest:02d}{NBSP}s"


def tested_on(n_clips: int, corpus: str) -> str:
    """How many clips, of which recordings, stand behind the matrices."""
    where = "" if corpus == ALL_CORPORA else f" of {CORPUS_NAMES.get(corpus, corpus)}"
    return f"{n_clips:,} test clips{where}"


def matrix_alt(name: str, normalise: bool) -> str:
    """What a screen reader says of a matrix; the figures stand in the table below it."""
    cells = "share of each true emotion" if normalise else "number of clips"
    return f"Confusion matrix of the {name}: {cells} by answer. The table below has the figures."


def provenance(scores: Scores) -> str:
    """The command, commit, seed and folds behind some scores, as Markdown."""
    command, commit = (str(scores.get(key, "?")).replace("`", "") for key in ("command", "commit"))
    folds = [str(fold["fold"]) for fold in scores.get("folds", [])]
    tested = f", fold{'s' * (len(folds) > 1)} {', '.join(folds)}" if folds else ""
    return f"`{command}`, commit `{commit}`, seed {scores.get('seed', '?')}{tested}."


def per_class_caption(name: str) -> str:
    """What the table of one model holds."""
    return f"{name}, emotion by emotion"


def curve_alt(title: str) -> str:
    """What a screen reader says of a learning curve."""
    return f"{title} of the CNN over the epochs of training"


def run_name(run: str) -> str:
    """A training run as text: "voices-2" is "Fold 2"."""
    return f"Fold {run.rsplit('-', 1)[-1]}"


def agreement(labels: Mapping[str, str], vote: str) -> str:
    """Whether the three models agree, as a sentence.

    Parameters
    ----------
    labels
        Answer of each of the three models, by key.
    vote
        Answer of the vote, which need not be that of any two.
    """
    counts = {label: list(labels.values()).count(label) for label in labels.values()}
    common, most = max(counts.items(), key=lambda item: item[1])
    if most == len(labels):
        return f"All three say {common}."
    if most == 1:
        said = [f"{MODELS_IN_TEXT[key]} says {label}" for key, label in labels.items()]
        return f"All three differ: {', '.join(said[:-1])} and {said[-1]}."
    other = next(key for key, label in labels.items() if label != common)
    sentence = f"Two of three say {common}; {MODELS_IN_TEXT[other]} says {labels[other]}."
    if vote == common:
        return sentence
    return f"{sentence} Averaged over their percentages, {vote} comes out ahead."


def reliability(scores: Scores, label: str) -> str:
    """How often a model was right on unseen voices, in all and where it gave this answer."""
    text = f"On voices that it had never heard, it was right for {percent(scores['accuracy'])}"
    text += f" of {scores['n']:,} clips"
    precision = scores.get("per_class", {}).get(label, {}).get("precision")
    if precision is None:
        return f"{text}."
    return f"{text}, and for {percent(precision)} of those that it called {label}."


ABOUT_TITLE = "About Emo"
ABOUT_LEAD = (
    "Emo shows what three classifiers make of the emotion in a voice. It says what a model does: "
    "which acted expression a clip resembles. It does not say what a person feels."
)
ABOUT_PURPOSE: Section = (
    "What it is for, and what not",
    """
Emo is for learning, teaching and research: to see how three kinds of classifier read the same
sound, where they agree, and how often they are wrong.

It is **not** for deciding anything about a person: not for hiring, grading, policing, insurance,
health or customer scoring, and not for telling whether someone lies. A voice can be calm in grief
and loud in joy; culture, language, age, illness and the microphone change it more than emotion
does.
""",
)
ABOUT_LAW: Section = (
    "What the law asks of you",
    """
**Tell people.** Whoever uses an emotion recognition system on people must inform them that it
runs: Article 50(3) of the EU Artificial Intelligence Act,
[Regulation (EU) 2024/1689](https://eur-lex.europa.eu/eli/reg/2024/1689/oj).

**Not at work, not in school.** Article 5(1)(f) of the same regulation bans systems that infer
the emotions of people in workplaces and in education, except for medical or safety reasons.
Elsewhere such a system counts as high-risk (Annex III, point 1(c)).

A voice is personal data. Only analyse recordings of people who know about it and agree. None of
this is legal advice.
""",
)
ABOUT_PRIVACY: Section = (
    "What happens to your audio",
    """
Your audio is **not stored**. An uploaded or recorded clip is worked on in the memory of the
computer that runs this page, for your session only; it is written to no file and sent to no other
service. *Forget this clip* drops it at once, closing the tab within minutes. Emo sends no usage
statistics.
""",
)
ABOUT_MODELS: Section = (
    "The models",
    "All three hear the same 16 kHz mono sound, without the silence at its ends and without its "
    "absolute loudness.\n\n"
    + "".join(f"- **{MODEL_NAMES[key]}**: {row.description}\n" for key, row in CLASSIFIERS.items())
    + f"- **{MODEL_NAMES['vote']}**: {VOTE_KIND}\n",
)
ABOUT_MEASURES: Section = (
    "How they were measured",
    """
Each model was scored only on clips that it was not trained on, in two ways. **Unseen voices**: no
speaker of the test is heard in training. **Random clips**: a random fifth of the clips is the
test, so the speakers are known; these figures flatter. The answers behind every figure are
kept in `models/`, clip by clip, so that anyone can count again.
""",
)
ABOUT_DATA: Section = (
    "The data",
    """
The models were trained on these collections of acted speech and song, in English. Actors were
told which emotion to show. Their licences allow research, not redistribution, so no recording is
part of Emo; the samples on the *Analyse* page are synthetic.
""",
)
ABOUT_LICENCES: Section = (
    "Licences",
    """
The code is free; its licence stands in the file `LICENSE`. The trained weights come from data
under non-commercial and share-alike terms: treat them as for research and teaching, not for a
product that is sold.
""",
)
ABOUT_LIMITS: Section = (
    "Limits",
    """
- **Acted, not felt.** Actors exaggerate. Everyday emotion is weaker, mixed and often hidden.
- **English, few voices.** Other languages, accents, children and old people are hardly or not in
  the training.
- **Seven words.** Shame, pride, boredom, love and all the rest are forced into one of the seven.
- **Confidence is not certainty.** A model gives seven percentages for any sound, even for a door
  or a dog.
- **Recordings differ.** Noise, echo, telephone and strong compression lower all the figures shown.
- **Surprise is rare** in the training, and sung clips are counted with the spoken ones.
""",
)
