"""Show predictions and timelines in a notebook, as HTML that needs no style sheet or script."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jinja2

from emo.classifiers.ensembles import ENSEMBLES
from emo.classifiers.label_subset import in_words
from emo.classifiers.registry import CLASSIFIERS
from emo.classifiers.voice import VOICE
from emo.classifiers.voice.storage import TITLE
from emo.formatting import clock, percent

_TEMPLATE = """\
<div>
<p>{{ summary }}</p>
<table>
<thead><tr>{% for name in head %}<th style="text-align: left">{{ name }}</th>{% endfor %}
{% for label in labels %}<th>{{ label }}</th>{% endfor %}</tr></thead>
<tbody>
{% for cells, shares in rows %}<tr>
{% for cell in cells %}<td style="text-align: left">{{ cell }}</td>{% endfor %}
{% for share in shares %}<td style="text-align: right; background:
 rgba(11, 93, 102, {{ "%.2f" | format(share / 2) }})">{{ percent(share) }}</td>{% endfor %}
</tr>{% endfor %}
</tbody>
</table>
{% if warnings %}<ul>{% for warning in warnings %}<li>{{ warning }}</li>{% endfor %}</ul>{% endif %}
</div>
"""


def prediction_html(prediction: Mapping[str, Any]) -> str:
    """Return a table of the answers, from the values of ``Prediction.to_dict``."""
    titles = {key: classifier.title for key, classifier in CLASSIFIERS.items()} | {
        key: ensemble.title for key, ensemble in ENSEMBLES.items()
    }
    titles[VOICE] = TITLE
    return _render(
        summary=f"Prediction for {clock(prediction['duration_s'], decimals=1)}{_among(prediction)}",
        labels=_labels(prediction),
        head=["Model", "Answer"],
        rows=[
            ([titles.get(key, key), _answer(answer)], _shares(answer))
            for key, answer in prediction["models"].items()
        ],
        warnings=[*_warnings(prediction), *prediction.get("faults", {}).values()],
    )


def timeline_html(
    timeline: Mapping[str, Any], cues: Sequence[tuple[float, float, Mapping[str, Any]]]
) -> str:
    """Return a table of the answers over time: of the ensemble, or with the voice known.

    Parameters
    ----------
    timeline : mapping
        Values of ``Timeline.to_dict``.
    cues : sequence of tuple
        Start and stop in seconds, and values of ``Answer.to_dict``, of each stretch.
    """
    title = TITLE if timeline.get(VOICE, {}).get("used") else "Ensemble"
    return _render(
        summary=f"{title} over {clock(timeline['duration_s'], decimals=1)}{_among(timeline)}",
        labels=_labels(timeline),
        head=["From", "To", "Answer"],
        rows=[
            ([clock(start, decimals=1), clock(stop, decimals=1), _answer(answer)], _shares(answer))
            for start, stop, answer in cues
        ],
        warnings=_warnings(timeline),
    )


def _among(values: Mapping[str, Any]) -> str:
    labels = _labels(values)
    is_whole = len(values["among"]) == len(labels)
    return "" if is_whole else f", {in_words(values['among'], labels)}"


def _labels(values: Mapping[str, Any]) -> list[str]:
    """Return the labels of the models that gave the answers; those that can occur without any."""
    windows = values.get("windows", [values])
    answers = [answer for window in windows for answer in window["models"].values()]
    return list(answers[0]["probabilities"]) if answers else list(values["among"])


def _answer(answer: Mapping[str, Any]) -> str:
    unsure = " (unsure)" if answer["unsure"] else ""
    return f"{answer['label']} {percent(answer['confidence'])}{unsure}"


def _shares(answer: Mapping[str, Any]) -> list[float]:
    return list(answer["probabilities"].values())


def _warnings(values: Mapping[str, Any]) -> list[str]:
    voice = [values[VOICE]["note"]] if VOICE in values else []
    sentences = (warning["sentence"] for warning in values["speech_warnings"])
    return [*voice, *sentences, *values["warnings"]]


@cache
def _template() -> jinja2.Template:
    return jinja2.Environment(autoescape=True).from_string(_TEMPLATE)


def _render(**values: Any) -> str:
    return _template().render(percent=percent, **values)
