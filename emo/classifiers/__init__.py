"""The classifiers: models, fitting, calibration, and the files that hold them."""
