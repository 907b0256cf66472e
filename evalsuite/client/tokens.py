"""The token that goes to a server: that of the environment, or one that was saved for it."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field

from saeval.errors import InputError
from saeval.evalsuite.client.addresses import check_address, is_private
from saeval.files import LOCK, Manifest, make_folder, sync_folder

TOKEN_VARIABLE = "SAEVAL_TOKEN"
SERVER_VARIABLE = "SAEVAL_SERVER"
INSECURE_VARIABLE = "SAEVAL_INSECURE"
"""Set to 1: a token may go over plain http to another machine."""


class _Saved(BaseModel):
    model_config = ConfigDict(frozen=True)

    token: str = Field(repr=False)
    insecure: bool = False


class _SavedTokens(Manifest):
    SCHEMA: ClassVar[str] = "saeval.tokens/1"

    servers: dict[str, _Saved] = Field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """How a server is spoken to; the token is in no message."""

    server: str
    token: str

    def __repr__(self) -> str:
        return f"<access to {self.server}>"


def find_access(
    server: str | None = None, token: str | None = None, *, insecure: bool = False
) -> Access:
    """The server, and the token that goes to it.

    Parameters
    ----------
    server
        Its address; None for that of ``SAEVAL_SERVER``.
    token
        None for that of ``SAEVAL_TOKEN``, which goes to the server of ``SAEVAL_SERVER`` alone if
        that is set, or else for the one that ``saeval login`` saved for the server.
    insecure
        Whether the token may go over plain http to another machine; so may it with
        ``SAEVAL_INSECURE=1``, and if it was saved so.

    Raises
    ------
    InputError
        If there is no server or no token, or the token would go over plain http.
    """
    of_environment = os.environ.get(SERVER_VARIABLE) or None
    if server is None and of_environment is None:
        raise InputError(f"no server is named: give --server URL, or set {SERVER_VARIABLE}")
    address = check_address(server or of_environment or "")
    saved = _read().servers.get(address)
    if token is None and (of_environment is None or address == check_address(of_environment)):
        token = os.environ.get(TOKEN_VARIABLE, "").strip() or None
    if token is None and saved is not None:
        token, insecure = saved.token, insecure or saved.insecure
    if token is None:
        raise InputError(
            f"{address}: a token is needed; set {TOKEN_VARIABLE}, or save one by `saeval login "
            f"{address}`"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InputError("a token holds letters, digits, _ and - alone")
    if not (insecure or is_private(address) or os.environ.get(INSECURE_VARIABLE) == "1"):
        raise InputError(
            f"{address}: the token would go over plain http, where others can read it; use https, "
            f"or allow it by --insecure or {INSECURE_VARIABLE}=1"
        )
    return Access(address, token)


def save_token(server: str, token: str, *, insecure: bool = False) -> Path:
    """Keep a token for a server, in a file that only this user can read.

    Parameters
    ----------
    server, token
        Which, and for which server.
    insecure
        Whether it may go over plain http to another machine.

    Returns
    -------
    Path
        The file.
    """
    return _change(check_address(server), _Saved(token=token, insecure=insecure))


def forget_token(server: str) -> Path:
    """Keep no token for a server any more."""
    return _change(check_address(server), None)


def tokens_file() -> Path:
    """Where tokens are saved."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "saeval" / "tokens.json"


def _change(server: str, saved: _Saved | None) -> Path:
    path = tokens_file()
    make_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}{LOCK}")):
        servers = {name: own for name, own in _read().servers.items() if name != server}
        if saved is not None:
            servers[server] = saved
        content = {
            "schema": _SavedTokens.SCHEMA,
            "servers": {name: own.model_dump() for name, own in sorted(servers.items())},
        }
        new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        sync_folder(path.parent)
    return path


def _read() -> _SavedTokens:
    path = tokens_file()
    if not path.is_file():
        return _SavedTokens(schema=_SavedTokens.SCHEMA)
    return _SavedTokens.read(path)
