"""The option ``emo audit --croissant``: describe corpora in Croissant, with RAI fields."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emo.corpora.audit import Audit
    from emo.corpora.catalogue import Recording
    from emo.corpora.own.audit import OwnAudit
    from emo.corpora.own.reading import OwnCorpora


def add_croissant(audit: argparse.ArgumentParser) -> None:
    """Add the options that describe what was audited."""
    group = audit.add_argument_group("a description for other programs")
    group.add_argument(
        "--croissant",
        type=Path,
        metavar="FOLDER",
        help="write a description of each corpus here, in Croissant with RAI fields, and the table "
        "of its clips; no sound is copied",
    )
    group.add_argument("--licence", default="", help="licence of own clips, or its address")
    group.add_argument("--citation", default="", help="how to cite own clips")


def check_croissant(options: argparse.Namespace) -> None:
    """End with a usage error where an option lacks the one that it belongs to."""
    for name in ("licence", "citation"):
        if getattr(options, name) and not (options.croissant and options.corpus):
            options.parser.error(f"--{name} goes with --croissant and --corpus")


def describe_corpora(folder: Path, report: "Audit") -> None:
    """Write the description of each corpus in an audited folder, and print where it is."""
    from emo.corpora.catalogue import find_recordings
    from emo.corpora.croissant import clip_rows, measured, of_corpus, write_croissant

    directory = Path(report.directory)
    recordings = find_recordings(directory).recordings
    for count in report.corpora:
        own = [recording for recording in recordings if recording.corpus == count.corpus]
        if not own:
            continue
        rows = clip_rows(own, directory)
        remarks = measured(
            [row["path"] for row in rows],
            count.n_expected,
            report.silent,
            [file.path for file in report.unreadable],
            [group.paths for group in report.same_audio_two_labels],
        )
        _print(write_croissant(folder, of_corpus(count.corpus, remarks), rows))


def describe_own(options: argparse.Namespace, own: "OwnCorpora", report: "OwnAudit") -> None:
    """Write the description of each own corpus, and print where it is and what it lacks."""
    from emo.corpora.croissant import clip_rows, measured, of_own, write_croissant

    folds = _own_folds(own.recordings)
    for corpus in own.corpora:
        recordings = [recording for recording in own.recordings if recording.corpus == corpus]
        rows = clip_rows(recordings, None, folds)
        remarks = measured(
            [row["path"] for row in rows],
            0,
            report.silent,
            [file.path for file in report.unreadable],
            [group.paths for group in report.same_audio_two_labels],
        )
        described = of_own(corpus, options.licence, options.citation, remarks)
        _print(write_croissant(options.croissant, described, rows))
    if not options.licence:
        print("The descriptions name no licence. Add it with --licence.")


def _own_folds(recordings: Sequence["Recording"]) -> dict[Path, int]:
    """Return the fold of each clip by its path; none where the speakers cannot be divided."""
    from emo.corpora.own.folds import own_folds
    from emo.corpora.protocols import SPEAKERS
    from emo.corpora.splits import content_keys
    from emo.errors import CorpusError

    try:
        folds = own_folds(SPEAKERS.key, recordings, content_keys(recordings))
    except CorpusError as error:
        print(f"The descriptions have no folds: {error}")
        return {}
    return {recordings[i].path: fold.number for fold in folds for i in fold.test}


def _print(paths: Sequence[Path]) -> None:
    print(f"Described in {paths[0]}; its clips are listed in {paths[1].name}.")
