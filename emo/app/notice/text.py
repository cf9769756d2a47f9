"""Texts of the notice where a voice comes in.

Article 50(3) of the EU AI Act: who uses an emotion recognition system informs the people exposed to
it of its operation.
"""

LABEL = "About this AI system"
NOTICE = (
    "Emo is an AI system for emotion recognition (EU AI Act, Article 50(3)). Use a voice only if "
    "its speaker knows this and agrees."
)
TICK = "Understood"
