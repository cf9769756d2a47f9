"""Recognise containers, find the recordings in a file, and repair damaged ones for decoding."""
