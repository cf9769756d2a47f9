"""Texts on the guests of the page *Confusion matrices*."""

from collections.abc import Sequence

from emo.formatting import listed

GUEST = "guest"
GUESTS_TITLE = "Guests"


def guests_note(names: Sequence[str]) -> str:
    """Return that some models are guests, and what that means."""
    is_one = len(names) == 1
    return (
        f"{listed(names)} {'is a guest, a model' if is_one else 'are guests, models'} that Emo "
        f"does not run: only {'its' if is_one else 'their'} answers to the same clips are stored. "
        f"{'It is' if is_one else 'They are'} in no ensemble."
    )


def trained_on(text: str) -> str:
    """Return on what a guest was trained."""
    return f"Trained on: {text}"


def licence(name: str) -> str:
    """Return the licence of the answers of a guest."""
    return f"Licence of the answers: {name}."
