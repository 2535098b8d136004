"""Models registered from Python: functions, columns of predictions, endpoints and commands."""

from __future__ import annotations

import inspect
import shlex
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from attrs import evolve

from aiobench.errors import ConfigurationError
from aiobench.local.catalogue.models import FunctionModel, PredictionsModel
from aiobench.local.catalogue.outside import CommandModel, EndpointModel
from aiobench.local.registration import model as limited
from aiobench.local.registration import predictions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobench.local.catalogue.models import Function, Model

__all__ = ["registered_models"]


def registered_models(models: Mapping[str, object]) -> dict[str, Model]:
    """Return the user's models by id.

    Args:
        models: A function of one source, plain or async, `predictions("column")`, the address of an HTTP endpoint, or
            a command as a list of its words, by name; each as it is or with limits, as `model(…)`.

    Raises:
        ConfigurationError: If one is anything else.
    """
    return {_checked_name(name, "model"): _registered(name, model) for name, model in models.items()}


def _registered(name: str, model: object) -> Model:
    if isinstance(model, limited):
        found = _registered(name, model.runs)
        timeout = found.timeout if model.timeout is None else model.timeout
        return evolve(found, timeout=timeout, retries=model.retries, concurrency=model.concurrency)
    if isinstance(model, predictions):
        return PredictionsModel(name, model.column, supplier="file", description=f"The column {model.column}.")
    if callable(model) and not inspect.isclass(model):
        about = (inspect.getdoc(model) or "").partition("\n")[0]
        return FunctionModel(name, cast("Function", model), description=about)
    if isinstance(model, str):
        return _endpoint(name, model)
    if isinstance(model, list | tuple) and model and all(isinstance(word, str) for word in model):
        return CommandModel(name, tuple(model), supplier="command", description=f"The command {shlex.join(model)}.")
    raise ConfigurationError(
        f"model {name!r} must be a function of one source, predictions('column'), the http or https address of an "
        f"endpoint, or a command as a list of its words, not {type(model).__name__}"
    )


def _endpoint(name: str, text: str) -> Model:
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ConfigurationError(
            f"model {name!r}: {text!r} is no address of an endpoint, such as http://127.0.0.1:8000/predict; a column "
            f"is predictions({text!r}), a command a list of words"
        )
    return EndpointModel(name, text, supplier=url.hostname, description=f"The endpoint {url.scheme}://{url.netloc}.")


def _checked_name(name: object, what: str) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigurationError(f"the name of a {what} must be a printable text, not {name!r}")
    return name
