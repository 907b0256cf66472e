"""Addresses of models behind servers: ``http://host:port/v1#model``, several joined by commas."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from saeval.errors import ModelError
from saeval.evalsuite.models.types import ServedModel

_NEXT_ADDRESS = re.compile(r",(?=\s*https?://)", re.IGNORECASE)


def split_servers(argument: str) -> list[str]:
    """The addresses that an argument joins by commas.

    Examples
    --------
    >>> split_servers("http://a/v1#m,http://b/v1#m")
    ['http://a/v1#m', 'http://b/v1#m']
    """
    return [address.strip() for address in _NEXT_ADDRESS.split(argument)]


def parse_served_model(argument: str) -> ServedModel:
    """The model that ``http(s)://host:port/v1#model`` names, on one server or several.

    Raises
    ------
    ModelError
        If an address is none, a server is named twice, or the servers call the model differently.
    """
    addresses = [_parse_address(address) for address in split_servers(argument)]
    (url, name), *others = addresses
    seen = {url}
    for other_url, other_name in others:
        if other_url in seen:
            raise ModelError(f"{argument}: names the server {other_url} twice; name each once")
        if other_name != name:
            raise ModelError(
                f"{argument}: names two models, {name} and {other_name}; servers of one model call "
                "it by one name (vLLM: --served-model-name)"
            )
        seen.add(other_url)
    return ServedModel(argument, url, name, tuple(other_url for other_url, _ in others))


def _parse_address(address: str) -> tuple[str, str]:
    """The URL and the name of the model."""
    url, _, name = address.partition("#")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ModelError("a server's address cannot be read") from error
    if "@" in parts.netloc or "?" in url:
        raise ModelError(
            "a server's address must hold no password and no query: it would be stored in every "
            "report; set OPENAI_API_KEY instead"
        )
    if not parts.hostname or not name:
        raise ModelError(f"{address}: name the server and its model as http://host:port/v1#model")
    if "#" in name:
        raise ModelError(
            f"{address}: {name!r} is no model's name; join servers of one model as "
            "http://host:port/v1#model,http://host:port/v1#model"
        )
    return url.rstrip("/"), name
