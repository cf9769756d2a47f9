"""Names of the ways to choose clips, which the command line has before it imports numpy."""

RANDOM, CONFIDENCE, DISAGREEMENT = "random", "confidence", "disagreement"
CHOICES = (RANDOM, CONFIDENCE, DISAGREEMENT)
"""Ways to choose: all alike; more of low confidence; more on which the models differ."""

DEFAULT_TAKE = "100"
"""Clips of a review, if the command names no other number."""
