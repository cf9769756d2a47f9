"""Predict labels for recordings, explain them, follow them over time, and adapt to examples.

``api`` has the public functions, which ``emo`` names; ``predictor`` the models, predictions and
answers; ``timeline`` answers over time; ``explanation``, ``regions`` and ``explanation_text`` the
explanations and their sentences; ``adaptation`` few-shot adaptation; ``export`` the files that are
written; ``notebook`` tables for notebooks.
"""
