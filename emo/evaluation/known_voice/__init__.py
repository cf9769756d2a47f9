"""Measure the classifier that knows the voice: groups of clips, their predictions and figures."""
