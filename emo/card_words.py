"""The fixed paragraphs of the model cards."""

from emo.folds import CALIBRATION_ONE_IN
from emo.labels import LABELS
from emo.metrics import N_RESAMPLES
from emo.tables import percent

MADE_BY = "<!-- Made by: python -m emo cards. Changes by hand are lost. -->"

VOTE_DESCRIPTION = """\
The product of the probabilities of the three classifiers, each raised to the power of its weight,
then scaled to add up to 1 (a logarithmic opinion pool). Nothing but the weights is its own."""

_KEPT = f"one in {CALIBRATION_ONE_IN} speakers of each large corpus"

VOTE_CONFIDENCE = f"""\
The confidence is the vote's probability of its likeliest label. The weights are those of lowest
log-loss on clips of speakers who trained nothing ({_KEPT}). No weight is
below zero, and their sum is free: it sets how sure the vote is."""

CONFIDENCE = f"""\
The confidence is the probability of the likeliest label after all probabilities are raised to the
power of one over a temperature and scaled to add up to 1. The temperature is that of lowest
log-loss on clips of speakers who trained nothing ({_KEPT}). It changes
no answer, only how sure it is."""

DEFINITIONS = f"""\
Accuracy is the share of clips whose likeliest label is the acted one. UAR is the mean recall over
the emotions, so that rare ones count as much as common ones; guessing gives \
{percent(1 / len(LABELS))}. Macro-F1 is the
mean over the emotions of the F1, which balances precision and recall.

In brackets stands the 95 % interval, from drawing the speakers of each corpus anew \
{N_RESAMPLES:,} times.
With the two speakers of TESS and the four of SAVEE it is too narrow."""

CALIBRATION_ERROR = """\
Calibration error is the mean distance between the confidence and the share that is right, over
15 bins of confidence."""

ANSWERS = """\
The answers hold, for each tested clip, its true emotion and the eight probabilities (calm is the
eighth) of a classifier that had not heard it, as they come, before calibration; those in
`calibration/` are of the clips on which temperatures and weights were fitted. The vote is made of
them and has no files. `python -m emo report` counts all figures again and says if one differs.

`model.json` names the labels, the features, the training data and the hashes of the weights, which
are checked when a model is loaded. Nothing here is a pickle."""

LICENCES = """\
The recordings may not be passed on and are no part of this project. The weights were computed from
recordings under non-commercial terms: use them for research and teaching, not in a product that is
sold. The code is under the MIT licence."""

USE = """\
## What it is for

To show, teach and compare how classifiers read the sound of a voice, and to research the same. It
says which of seven acted expressions a clip sounds most like.

## What it is not for

It does not say what a person feels, and no decision about a person may rest on it: not in hiring,
work, school, policing, insurance, health or sales, and not to tell whether someone lies. Whoever
uses it on people must tell them so (EU AI Act, Regulation (EU) 2024/1689, Article 50(3)). In
workplaces and education the Act bans it, except for medical or safety reasons (Article 5(1)(f))."""

LIMITS = """\
## Limits

- All training speech is acted. Felt emotion is weaker, mixed and often hidden.
- All of it is English of North America and England, from few and adult voices, in quiet rooms.
  Other languages, accents, ages, rooms and microphones lower the figures.
- Surprise is rare in the training and not in all corpora. RAVDESS song has neither disgust nor
  surprise.
- One of the seven labels is always likeliest, whatever the sound is.
- The confidence was fitted to actors of these corpora. On other recordings it is far too high: see
  "What the confidence means"."""
