"""Sounds that are not speech, made by formula: music, noise, signals and vocal bursts."""
