"""Train the guest of docs/guests.md: logistic regression on statistics of MFCCs.

    python docs/guest_example.py --protocol speakers --out mine.csv --list trained-on.csv

The clips, labels and folds are those of the stored predictions, so that any program that reads CSV
can do the same.  For each fold a model is fitted to the clips of all other folds and answers for
those of the fold; the folds of ``speakers`` and ``cross-corpus`` share no speaker.  No setting is
tuned.
"""

import argparse
import csv
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
from scipy.fft import dct
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emo.classifiers.registry import Takes
from emo.corpora.catalogue import find_recordings
from emo.corpora.protocols import CROSS_CORPUS, SPEAKERS
from emo.evaluation.guests.table import read_references
from emo.labels import TRAINED_LABELS
from emo.system.paths import MODELS_DIR
from emo.training.feature_cache import load_features

N_MFCC = 20
DECIMALS = 4  # of the shares that are written
TAKES: tuple[Takes, ...] = ("spectrograms",)
COLUMNS = ("clip", "corpus", "speaker", "fold", "emotion")


def mfcc_statistics(spectrogram: np.ndarray) -> np.ndarray:
    """Return mean and standard deviation over time of the first 20 MFCCs, float64 (40,).

    Parameters
    ----------
    spectrogram : float32, (time, 64), log-mel
    """
    coefficients = dct(np.asarray(spectrogram, np.float64), axis=1, norm="ortho")[:, :N_MFCC]
    return np.concatenate([coefficients.mean(axis=0), coefficients.std(axis=0)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=(SPEAKERS.key, CROSS_CORPUS.key), required=True)
    parser.add_argument("--data", type=Path, default=os.environ.get("EMO_DATA"))
    parser.add_argument("--out", type=Path, required=True, help="CSV of the predictions")
    parser.add_argument("--list", type=Path, required=True, help="CSV of what trained each fold")
    options = parser.parse_args()

    table = read_references(MODELS_DIR, [options.protocol])[options.protocol]
    by_clip = {row.stem: row for row in find_recordings(options.data).recordings}
    recordings = [by_clip[clip] for clip in table.clips.tolist()]
    features = load_features(recordings, takes=TAKES)
    x = np.stack([mfcc_statistics(spectrogram) for spectrogram in features.spectrograms])
    labels = np.array([TRAINED_LABELS.index(emotion) for emotion in table.emotions.tolist()])

    shares = np.zeros((len(table), len(TRAINED_LABELS)))
    trained: set[tuple[int, str]] = set()
    for fold in np.unique(table.folds).tolist():
        train, test = table.folds != fold, table.folds == fold
        model = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000)
        )
        model.fit(x[train], labels[train])
        columns = model.classes_.tolist()  # a corpus may be the only one with a label
        shares[np.ix_(test, columns)] = model.predict_proba(x[test])
        trained |= {(fold, str(speaker)) for speaker in table.speakers[train].tolist()}

    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *(f"p_{label}" for label in TRAINED_LABELS)))
        columns = (table.clips, table.corpora, table.speakers, table.folds, table.emotions)
        for row, own in zip(zip(*(c.tolist() for c in columns), strict=True), shares, strict=True):
            writer.writerow((*row, *(f"{share:.{DECIMALS}f}" for share in own.tolist())))
    with options.list.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("fold", "speaker"))
        writer.writerows(sorted(trained))


if __name__ == "__main__":
    main()
