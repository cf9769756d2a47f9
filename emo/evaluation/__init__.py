"""Measure how often the classifiers are right, and write the results down."""
