"""A made-up pre-trained classifier, to test that everything follows from the registry.

Load it as a pytest plugin (``-p tests.support.extra_classifier``), so that its row is in the
registry before any other module reads that.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np

from emo.classifiers.batches import Arrays, Fitted
from emo.classifiers.registry import CLASSIFIERS, Classifier

KEY = "constant"
PROBABILITIES = np.array([0.05, 0.05, 0.05, 0.6, 0.05, 0.1, 0.05, 0.05])
ROOT = Path(__file__).parents[2]


def fit_constant(*_: object, **__: object) -> Fitted:
    """Return the fitted classifier, which is the same for any data."""
    return Fitted({"probabilities": PROBABILITIES}, [])


def predict_constant(arrays: Arrays, functionals: np.ndarray) -> np.ndarray:
    """Return the fixed probabilities for each clip, float64 (n, 8)."""
    return np.tile(arrays["probabilities"], (len(functionals), 1))


def check_constant(arrays: Arrays, n_inputs: int, n_outputs: int) -> None:
    """Raise a ``ValueError`` if the arrays are not those of this classifier."""
    if arrays["probabilities"].shape != (n_outputs,):
        raise ValueError("the probabilities do not fit the labels")


CLASSIFIERS[KEY] = Classifier(
    title="Constant guess",
    name="Constant guess",
    short_name="Guess",
    description="A table of fixed probabilities.",
    summary="The same seven percentages for every clip.",
    takes="functionals",
    fit=fit_constant,
    predict=predict_constant,
    check=check_constant,
    pretraining="Somebody else made it up.",
)


def write_extra_models(directory: Path) -> Path:
    """Write the project's models and the further one into a folder, with a calibration of all."""
    from emo.classifiers.ensembles import FROM_SCRATCH
    from emo.classifiers.storage import save_model
    from tests.support.models import ORIGIN

    models = directory / "models"
    shutil.copytree(ROOT / "models", models, copy_function=os.link)
    save_model(models / KEY, KEY, fit_constant(), ORIGIN)
    path = models / "calibration.json"
    calibration = json.loads(path.read_text(encoding="utf-8"))
    scratch_weights = {
        key: calibration["weights"][key]
        for key, row in CLASSIFIERS.items()
        if not row.is_pretrained
    }
    for name, value in (("temperatures", 1.0), ("weights", 0.1), ("thresholds", 0.5)):
        calibration[name][KEY] = value
    calibration["ensembles"] = {FROM_SCRATCH: scratch_weights}
    calibration["thresholds"][FROM_SCRATCH] = 0.5
    path.unlink()  # a link to the original
    path.write_text(json.dumps(calibration), encoding="utf-8")
    return models
