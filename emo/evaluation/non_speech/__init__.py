"""Measure how often speech is flagged as something else, and other sound is not."""
