"""The page *Analyse* and its address in step, and the guide that leads from it."""

from pathlib import Path

from emo import ui_analyse, ui_guide, ui_links, ui_player, ui_what_if, ui_why

MATRICES_PAGE = "pages/confusion_matrices.py"


def follow_address() -> None:
    """Show what the address asks for; or, if it asks for nothing new, let it say what is shown."""
    samples = {
        Path(row["file"]).stem: row for row in ui_analyse.list_samples(ui_analyse.SAMPLES_DIR)
    }
    asked = ui_links.follow(_shown_link(), samples)
    if asked is None:
        return
    ui_guide.hide_guide()  # who opens a link has something at hand
    ui_analyse.open_sample(samples[asked.sample])
    choice = ui_analyse.chosen()
    if choice is not None:
        ui_player.select_share(ui_analyse.player_key(choice), asked.share)
    ui_why.set_open(asked.why)
    ui_what_if.set_to(asked.settings)


def _shown_link() -> ui_links.Link:
    """The link to what the page shows now; to a clip that a person gave there is none."""
    choice = ui_analyse.chosen()
    if choice is None or choice.origin != "sample":
        return ui_links.EMPTY
    share = ui_player.selected_share(ui_analyse.player_key(choice))
    return ui_links.Link(Path(choice.name).stem, share, ui_why.is_open(), ui_what_if.settings())


def show_guide() -> None:
    """The guide through the first minute."""
    ui_guide.show_guide(MATRICES_PAGE)
