"""Reasons of the classifiers for people: in plain words, and as sound."""
