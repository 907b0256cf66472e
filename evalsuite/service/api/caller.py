"""Who asks, and what they may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from saeval.evalsuite.client.wire import CallerInfo
from saeval.evalsuite.service.security.access import Caller, require

router = APIRouter(prefix="/api/caller", tags=["operations"])


@router.get("")
def show(caller: Annotated[Caller, Depends(require("read"))]) -> CallerInfo:
    """Say whose token or session it is, and what it allows."""
    return CallerInfo(name=caller.who, scope=caller.scope)
