"""The words of the guide through the first minute.  Nothing here imports Streamlit."""

GUIDE_LABEL = "Your first minute"
HIDE_LABEL = "Hide the guide"
NEXT_LABEL = "Open the confusion matrices"
DONE = "done"

STEPS = {
    "pick": (
        "Pick a sample",
        "Nothing at hand? Pick a sample below: a synthetic voice, one for each emotion, or all "
        "seven in a minute.",
    ),
    "listen": (
        "Listen",
        "Scroll to the waveform and press the round button, or Space.",
    ),
    "select": (
        "Select a part",
        "Drag over the spectrogram. The models then answer for that part alone: do they change "
        "their minds?",
    ),
    "why": (
        "Ask why",
        "Switch on “Why?” below the three models. Each says what moved it; the network shows where "
        "it looked.",
    ),
    "errors": (
        "See how often they err",
        "Last: the samples of one emotion are easy on purpose. See how often the models are wrong "
        "on voices that they had never heard.",
    ),
}
"""Name and sentence of each step, by key, in order."""


def progress(number: int, total: int) -> str:
    """How far the guide is, for those who do not see it."""
    return f"Step {number} of {total}"
