"""The words for filtering the matrices, for their cells, and for the clips behind a cell."""

from emo.slices import ALL
from emo.ui_words import NBSP, percent

VOICES_LABEL = "Voices"
VOICES_NAMES = {ALL: "All", "women": "Women", "men": "Men"}
FLOOR_LABEL = "Leave out answers below"
FLOOR_HELP = (
    "A model that is not sure enough of its likeliest answer gives none here. The share of the "
    "clips that it still answers stands over its matrix. Listeners gave no percentages, so theirs "
    "all count."
)
READING = "Reading the stored answers …"
NO_ANSWERS = (
    "The single answers behind these figures are not here, or are damaged, so nothing can be "
    "filtered or listed. `python -m emo evaluate` makes them anew."
)
KEPT = "Kept"
NOTHING_LEFT = "No answer is left. Choose other recordings or voices, or a lower percentage."
NO_VOTES_CUT = (
    "What each listener answered is not here, so the listeners cannot be filtered or listed. "
    "The table `cremad_listener_votes.csv` is looked for in the folder of the corpora."
)

TITLE = "Behind a cell"
HINT = "Click a cell of a matrix, or choose one here, to see the clips in it."
MODEL_LABEL = "Answers of"
ACTED_LABEL = "Acted"
ANSWER_LABEL = "Answer"
ANY = "Choose …"
ORDER_LABEL = "Order"
ORDER_NAMES = {"surest": "Surest first", "doubtful": "Least sure first"}
EARLIER = "Earlier"
LATER = "Later"
NONE_SO = "There is no such clip."
HOW_TO_HEAR = (
    "To hear these clips, put the corpora into a folder on the computer that runs Emo, and start "
    "Emo with EMO_DATA set to that folder. The README says where to get them."
)
LOOKING = "Looking for the recordings …"
NOT_HEARD = "This clip cannot be played."
OPEN = "Open on the page Analyse"
SEX_OF = {"women": "woman", "men": "man"}


def floor_name(floor: int) -> str:
    """A threshold of the slider as text."""
    return f"{floor}{NBSP}%"


def kept(n: int, n_all: int) -> str:
    """How many of the clips are still answered."""
    return f"{n:,} of {n_all:,}"


def unknown_sexes(n_clips: int) -> str:
    """That the sex of some speakers is not known, and what would tell it."""
    return (
        f"The speakers of {n_clips:,} clips are in neither group: whether the actors of CREMA-D "
        "are women or men is said in their table, `cremad_actors.csv`, which is looked for in the "
        "folder of the corpora."
    )


def cell(acted: str, answer: str, n: int, n_row: int, of_listeners: bool) -> str:
    """What one cell of a matrix says, as a sentence."""
    if not n_row:
        return f"No clip that was acted {acted} is here."
    share = percent(n / n_row)
    if of_listeners:
        return f"Of {n_row:,} votes on clips acted {acted}, {n:,} ({share}) were for {answer}."
    clips = f"{n_row:,} clip{'s' * (n_row != 1)}"
    called = f"{n:,} ({share}) {'was' if n == 1 else 'were'} called {answer}"
    return f"Of {clips} acted {acted}, {called}{', which is right' if acted == answer else ''}."


def shown_of(first: int, last: int, n: int) -> str:
    """Which of the clips are in sight."""
    return f"{first:,} to {last:,} of {n:,}"


def speaker(corpus: str, name: str, sex: str) -> str:
    """Whose clip it is."""
    number = name.split("-", 1)[-1]
    known = f", {SEX_OF[sex]}" if sex in SEX_OF else ""
    return f"{corpus}, speaker {number}{known}"


def votes_for(answer: str, n: int, n_all: int) -> str:
    """How many listeners gave an answer."""
    return f"{n} of {n_all} listeners said {answer}"
