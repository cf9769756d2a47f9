"""Texts on the risk-coverage curve of the page *Confusion matrices*."""

from emo.evaluation.selective import RiskCoverage
from emo.formatting import percent, tenths

TITLE = "Risk and coverage"
AXES = ("Clips answered, surest first", "Share that is wrong")
COLUMN_MODEL = "Model"
COLUMN_AREA = "AURC"
SHOWN = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Coverages of the table."""
TABLE_CAPTION = "Wrong answers among the surest"
NOTE = (
    "Suppose a model answered only the clips of which it is surest. Each point of the curve is the "
    "share of clips that it answers (coverage) and the share of these answers that is wrong "
    "(risk). AURC, the area under the curve, is the mean risk over all coverages: the smaller, the "
    "better confidence separates right answers from wrong ones."
)


def columns() -> tuple[str, ...]:
    """Return the heads of the table."""
    return (COLUMN_MODEL, *(percent(coverage) for coverage in SHOWN), COLUMN_AREA)


def row(name: str, curve: RiskCoverage) -> list[str]:
    """Return the row of a model: the risk at each coverage, and the area."""
    places = [round(coverage * len(curve.risks)) - 1 for coverage in SHOWN]
    return [name, *(tenths(float(curve.risks[i])) for i in places), tenths(curve.area)]


def point_sentence(coverage: float, risk: float) -> str:
    """Return what a point of the curve means."""
    return f"Of the surest {percent(coverage)} of the clips, {tenths(risk)} are answered wrong."


def alt(name: str) -> str:
    """Return the description of a risk-coverage curve for screen readers."""
    return f"Risk-coverage curve of the {name}. The table under it has the figures."
