"""Fit the classifiers on the corpora."""
