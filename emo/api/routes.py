"""The addresses of the HTTP API."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest

import emo
from emo.api import docs, schema
from emo.api.describe import describe_models, read_card
from emo.api.engine import Engine, Outcome, Recording
from emo.api.gate import ADD_FILES, FORM
from emo.api.options import Options, Request, read_options
from emo.api.problems import MEDIA_TYPE, ProblemError, problem_of
from emo.errors import AudioError, EmoError
from emo.server.middleware import INTERNAL_ERROR, STOPPING_RETRY_S, client_address
from emo.server.quotas import address_group
from emo.system.filenames import clean

V1 = "/v1"
MAX_FILES = 100
"""Recordings of one request, as many as the page Compare clips takes."""

MAX_FIELDS = 20
NAMELESS = "recording"
"""Name of a recording that was sent without one."""

NO_FILES = (
    "The request has no recording. Please send one or more as files of a form, or the bytes of one "
    "as the body."
)
MANY_FILES = f"The request has {{0}} recordings; at most {MAX_FILES} are answered at a time."
NONE_USABLE = "None of the {0} recordings can be used."

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI would send traces elsewhere where OpenTelemetry is installed."""

DESCRIPTION = """Match the emotion in recordings of a voice with seven acted emotions.

The answers say which *acted* expression a voice resembles, and not what a person feels. Recordings
are not stored: they are in memory until they are answered."""

ERRORS = {
    401: "A token is missing or unknown.",
    408: "The body came too slowly.",
    411: "The length of the body is not stated.",
    413: "The body has more than 51 MB, a recording more than 50, or there are more than 100.",
    415: "The body is no recording in a format that can be read.",
    422: "An option or a recording cannot be used.",
    429: "A quota is used up; `Retry-After` says when to try again.",
    503: "The server is busy or is being restarted; `Retry-After` says when to try again.",
}


@dataclass(frozen=True)
class Service:
    """Parts of the server that the routes use.

    Attributes
    ----------
    engine
        Answers recordings.
    models_directory
        Folder of the models, with their figures and cards.
    describe_sandbox
        Returns the state of the sandbox in a line.
    is_stopping
        Returns whether the server is being stopped.
    needs_token
        Whether requests need a token.
    """

    engine: Engine
    models_directory: Path
    describe_sandbox: Callable[[], str]
    is_stopping: Callable[[], bool]
    needs_token: bool = False


def build_app(service: Service) -> FastAPI:
    """Return the application of the API, to be mounted behind an ``ApiGate``."""
    app = FastAPI(
        title="Emo",
        version=emo.__version__,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        telemetry=NO_TELEMETRY,
    )
    _add_answers(app, service)
    _add_descriptions(app, service)
    _add_documents(app, service)
    _add_errors(app)
    return app


# --- Answers -------------------------------------------------------------------------------------


def _add_answers(app: FastAPI, service: Service) -> None:
    @app.post(
        f"{V1}/predict",
        tags=["Answers"],
        summary="Classify recordings",
        responses=_responses([schema.Prediction], *ERRORS),
        openapi_extra={
            "parameters": _parameters(),
            "requestBody": {"required": True, "content": _request_bodies()},
        },
    )
    async def predict(http: HttpRequest) -> Response:
        """Answer one recording or several: a list with an object for each, in their order.

        The objects are those of `emo predict --format json`. Send a form with one file or more;
        or the bytes of one recording. If one of several recordings cannot be used, its object has
        `error` in place of the answers; if none can be used, the response is a problem.
        """
        recordings, request = await _read_request(http)
        address = address_group(client_address(http.scope))
        outcomes = await service.engine.answer(recordings, request, address, http.is_disconnected)
        _raise_if_none_usable(recordings, outcomes)
        pairs = zip(recordings, outcomes, strict=True)
        return JSONResponse([outcome.to_dict(recording.name) for recording, outcome in pairs])


async def _read_request(http: HttpRequest) -> tuple[list[Recording], Request]:
    """Return the recordings and the options of a request."""
    values = dict(http.query_params)
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        request = read_options(values)
        data = await http.body()
        return [Recording(clean(request.name) or NAMELESS, data)], request
    recordings: list[Recording] = []
    async with http.form(max_files=10 * MAX_FILES, max_fields=MAX_FIELDS) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                own = clean(value.filename or "") or NAMELESS
                recordings.append(Recording(own, await value.read()))
            else:
                values[name] = value
    request = read_options(values)
    if not recordings:
        raise ProblemError(422, NO_FILES, "no_recording")
    if len(recordings) > MAX_FILES:
        raise ProblemError(413, MANY_FILES.format(len(recordings)), "many_recordings")
    if len(recordings) > 1:
        http.scope[ADD_FILES](len(recordings) - 1)
    return recordings, request


def _raise_if_none_usable(recordings: list[Recording], outcomes: list[Outcome]) -> None:
    """Raise the problem of the recordings if none of them can be used."""
    failed = [
        (recording, outcome.result)
        for recording, outcome in zip(recordings, outcomes, strict=True)
        if isinstance(outcome.result, AudioError)
    ]
    if len(failed) < len(outcomes):
        return
    first = problem_of(failed[0][1], len(failed[0][0].data))
    if len(failed) == 1:
        raise first
    entries = [{"path": recording.name, "error": str(error)} for recording, error in failed]
    detail = NONE_USABLE.format(len(failed))
    statuses = {problem_of(error, len(recording.data)).status for recording, error in failed}
    status = statuses.pop() if len(statuses) == 1 else 422
    raise ProblemError(status, detail, "none_usable", fields={"errors": entries})


def _parameters() -> list[dict[str, Any]]:
    """Return the parameters of the address of a prediction, as OpenAPI describes them."""
    parameters = []
    for name, field in Options.model_json_schema()["properties"].items():
        schema_ = {key: field[key] for key in ("type", "default") if key in field}
        parameter = {"name": name, "in": "query", "schema": schema_}
        parameter["description"] = field["description"]
        if "examples" in field:
            parameter["example"] = field["examples"][0]
        parameters.append(parameter)
    return parameters


def _request_bodies() -> dict[str, Any]:
    """Return the bodies that a prediction takes, as OpenAPI describes them."""
    binary = {"type": "string", "format": "binary"}
    fields = Options.model_json_schema()["properties"]
    own = {name: field for name, field in fields.items() if name != "name"}
    files = {"type": "array", "items": binary, "description": "One recording or more."}
    form = {"type": "object", "required": ["file"], "properties": {"file": files, **own}}
    return {
        FORM: {"schema": form},
        "audio/*": {"schema": binary},
        "application/octet-stream": {"schema": binary},
    }


# --- Descriptions --------------------------------------------------------------------------------


def _add_descriptions(app: FastAPI, service: Service) -> None:
    described: list[tuple[object, dict[str, Any]]] = []  # of the last models

    @app.get(
        f"{V1}/models",
        tags=["Descriptions"],
        summary="Describe the models",
        responses=_responses(schema.ModelList, 401, 503),
    )
    def models(http: HttpRequest) -> Response:
        """Return labels, versions, figures and layers, and the addresses of the model cards."""
        loaded = service.engine.models()
        if not described or described[0][0] is not loaded:
            layers = service.engine.layers(loaded)
            card = f"{http.scope.get('root_path', '')}{V1}/models/{{key}}/card"
            guest = service.engine.guest()
            content = describe_models(loaded, layers, service.models_directory, card, guest)
            described[:] = [(loaded, content)]
        return JSONResponse(described[0][1])

    @app.get(
        f"{V1}/models/{{key}}/card",
        tags=["Descriptions"],
        summary="Return the card of a model",
        response_class=Response,
        responses=_responses(None, 401, 404)
        | {200: {"description": "The card.", "content": {"text/markdown": {}}}},
    )
    def card(key: str) -> Response:
        """Return what a model is for, its figures and its limits, as Markdown."""
        text = read_card(service.models_directory, key)
        if text is None:
            raise ProblemError(404, f"There is no card of a model {key[:40]!r}.", "no_card")
        return PlainTextResponse(text, media_type="text/markdown")

    @app.get(
        f"{V1}/health",
        tags=["Descriptions"],
        summary="Return the state of the server",
        responses=_responses(schema.Health, 503),
    )
    async def health() -> Response:
        """Return 200, or 503 while the server stops. It needs no token."""
        stopping = service.is_stopping()
        content = {
            "status": "stopping" if stopping else "ok",
            "version": emo.__version__,
            "sandbox": service.describe_sandbox(),
        }
        headers = {"retry-after": str(STOPPING_RETRY_S)} if stopping else {}
        return JSONResponse(content, 503 if stopping else 200, headers)


# --- Documents -----------------------------------------------------------------------------------


def _add_documents(app: FastAPI, service: Service) -> None:
    @functools.cache
    def document(root_path: str) -> dict[str, Any]:
        content = app.openapi()
        return docs.complete(content, root_path, service.needs_token)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(http: HttpRequest) -> Response:
        return JSONResponse(document(http.scope.get("root_path", "")))

    @app.get("/docs", include_in_schema=False)
    async def page(http: HttpRequest) -> Response:
        root_path = http.scope.get("root_path", "")
        address = str(http.base_url).rstrip("/").removesuffix(root_path)
        return HTMLResponse(docs.render(document(root_path), address))

    @app.get("/", include_in_schema=False)
    async def index(http: HttpRequest) -> Response:
        return RedirectResponse(f"{http.scope.get('root_path', '')}/docs")


def _responses(model: Any, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route, as FastAPI takes them."""
    good: dict[int | str, dict[str, Any]] = {}
    if isinstance(model, list):
        good[200] = {"model": list[model[0]], "description": "The answers."}
    elif model is not None:
        good[200] = {"model": model, "description": model.__doc__}
    errors = {404: "There is no such card."} | ERRORS
    return good | {
        status: {"model": schema.Problem, "description": errors[status]} for status in statuses
    }


# --- Errors --------------------------------------------------------------------------------------


def _add_errors(app: FastAPI) -> None:
    def handle(kind: type[Exception], convert: Callable[[Any], ProblemError]) -> None:
        async def respond(_: HttpRequest, error: Exception) -> Response:
            problem = convert(error)
            headers = problem.all_headers()
            return JSONResponse(problem.content(), problem.status, headers, MEDIA_TYPE)

        app.add_exception_handler(kind, respond)

    handle(ProblemError, lambda error: error)
    handle(EmoError, problem_of)
    handle(HTTPException, _problem_of_http)
    handle(Exception, lambda _: ProblemError(500, INTERNAL_ERROR, "internal"))


def _problem_of_http(error: HTTPException) -> ProblemError:
    """Return the problem of an error of the framework: of an address, a method or a form."""
    detail, headers = str(error.detail), dict(error.headers or {})
    if error.status_code == 404:
        return ProblemError(404, "There is no such address. See /api/docs.", "not_found")
    if error.status_code == 405:
        methods = next((own for name, own in headers.items() if name.lower() == "allow"), "GET")
        detail = f"This address takes {methods} alone. See /api/docs."
        return ProblemError(405, detail, "method", headers=headers)
    return ProblemError(error.status_code, detail, "request", headers=headers)
