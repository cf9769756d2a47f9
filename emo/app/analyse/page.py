"""The page *Analyse* and its address in step, and the guide that leads from it."""

from pathlib import Path

from emo.app import current_clip, player
from emo.app.analyse import analysis, explanation, link, tour, what_if
from emo.system import paths

MATRICES_PAGE = "pages/confusion_matrices.py"


def follow_address() -> None:
    """Show what the address asks for; or, if it asks for nothing new, let it say what is shown."""
    analysis.begin_with_new_clip()
    samples = {Path(row["file"]).stem: row for row in current_clip.list_samples(paths.SAMPLES_DIR)}
    asked = link.sync_with_url(_shown_link(), samples)
    if asked is None:
        return
    tour.hide_guide()  # who opens a link has something at hand
    analysis.open_sample(samples[asked.sample])
    choice = current_clip.chosen()
    if choice is not None:
        player.select_share(analysis.player_key(choice), asked.share)
        if asked.share is not None:
            tour.note_step("select")
    explanation.set_open(asked.why)
    what_if.set_to(asked.settings)


def _shown_link() -> link.Link:
    """The link to what the page shows now; to a clip that a person gave there is none."""
    choice = current_clip.chosen()
    if choice is None or choice.origin != "sample":
        return link.EMPTY
    share = player.selected_share(analysis.player_key(choice))
    return link.Link(Path(choice.name).stem, share, explanation.is_open(), what_if.settings())


def show_guide() -> None:
    """The guide through the first minute."""
    tour.show_guide(MATRICES_PAGE)
