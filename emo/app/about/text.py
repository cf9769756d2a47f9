"""The words of the page *About*."""

from emo.app.text import MODEL_NAMES, VOTE_KIND
from emo.classifiers.registry import CLASSIFIERS
from emo.evaluation.selective import KEPT_ACCURACY
from emo.formatting import NBSP, percent
from emo.labels import LABELS

RESULT_COLUMNS = ("Model", "Accuracy", "UAR", "Calibration error")
RESULT_TESTS = {
    "corpora": "Unheard corpus",
    "voices": "Unseen voices",
    "clips": "Random clips",
}
"""Tests whose figures are shown, the one that is nearest to a visitor's clip first."""
RESULTS_CAPTION = "What was measured of each model"
RESULTS_NOTE = (
    "Accuracy: the share of clips named right. UAR: the mean recall over the emotions, so that "
    f"rare ones count as much as common ones; guessing gives {100 / len(LABELS):.0f}{NBSP}%. "
    "Calibration error: the mean distance between a stated percentage and the share of answers "
    "that were right. In brackets: 95\u00a0% intervals, by drawing the test speakers anew."
)
DATA_CAPTION = "Collections of recordings"
DATA_SOURCES = "Where they come from"
DATA_COLUMNS = ("Collection", "Clips", "Speakers", "Licence")

Section = tuple[str, str]
"""A heading, and what stands under it, as Markdown."""

TITLE = "About Emo"
LEAD = (
    "Emo shows what three classifiers make of the emotion in a voice. It says what a model does: "
    "which acted expression a clip resembles. It does not say what a person feels."
)
PURPOSE: Section = (
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
LAW: Section = (
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
PRIVACY: Section = (
    "What happens to your audio",
    """
Your audio is **not stored**. An uploaded or recorded clip is worked on in the memory of the
computer that runs this page, for your session only; it is written to no file and sent to no other
service. *Forget this clip* drops it at once, closing the tab within minutes. Of a clip on the page
*Teach it* only its name and what the models made of it are kept, until the tab is closed or *Forget
all clips* is pressed. Emo sends no usage statistics.
""",
)
MODELS: Section = (
    "The models",
    "All three hear the same 16 kHz mono sound, without the silence at its ends and without its "
    "absolute loudness.\n\n"
    + "".join(f"- **{MODEL_NAMES[key]}**: {row.description}\n" for key, row in CLASSIFIERS.items())
    + f"- **{MODEL_NAMES['vote']}**: {VOTE_KIND}\n",
)
MEASURES: Section = (
    "How they were measured",
    f"""
Each model was scored only on clips that it was not trained on. **Unheard corpus**: each of the four
corpora in turn is kept out of training. This is nearest to a recording of your own. **Unseen
voices**: no speaker of the test is heard in training, but others in the same studios are. **Random
clips**: a random fifth of the clips is the test, so the speakers are known; these figures flatter.
The page *Confusion matrices* has all of these, and two more: the EmoBox
benchmark, beside models that others have published, and the listeners of CREMA-D.

The percentages and the weights of the vote are fitted on further clips that neither train nor
test. Below a percentage that was chosen so that the answers that remain are right
{percent(KEPT_ACCURACY)} of the time on unseen voices, the answer is **unsure**; the vote is unsure
too where all three models are. On other recordings the answers that remain are right far less
often: the cards in `models/` say how often. The predictions behind every figure are kept there too,
clip by clip, so that anyone can count again.
""",
)
DATA: Section = (
    "The data",
    """
The models were trained on these collections of acted speech and song, in English. Actors were
told which emotion to show. Their licences allow research, not redistribution, so no recording is
part of Emo; the samples on the *Analyse* page are synthetic.
""",
)
LICENCES: Section = (
    "Licences",
    """
The code is free; its licence stands in the file `LICENSE`. The trained weights come from data
under non-commercial and share-alike terms: treat them as for research and teaching, not for a
product that is sold.
""",
)
LIMITS: Section = (
    "Limits",
    """
- **Acted, not felt.** Actors exaggerate. Everyday emotion is weaker, mixed and often hidden.
- **English, few voices.** Other languages, accents, children and old people are hardly or not in
  the training.
- **Seven words.** Shame, pride, boredom, love and all the rest are forced into one of the seven.
- **Not every sound is a voice.** A model gives seven percentages for any sound. Music, noise,
  signals and silence are flagged where measurements tell them from speech; what is not flagged is
  not proved to be speech.
- **The percentages hold for new actors in the same studios.** They were fitted on acted clips of
  the same four corpora. On other recordings they are too high; under every answer stands by how
  much.
- **Recordings differ.** Noise, echo, telephone and strong compression lower all the figures shown;
  the model cards in `models/` say by how much.
- **Surprise is rare** in the training, and sung clips are counted with the spoken ones.
""",
)
