"""Measure a clip: spectrogram, functionals, recording quality, and likeness to speech."""
