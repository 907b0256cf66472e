"""What stands before the application, put together."""

from __future__ import annotations

from starlette.types import ASGIApp

from saeval.evalsuite.service.security.access_log import AccessLog
from saeval.evalsuite.service.security.bodies import BodyLimits
from saeval.evalsuite.service.security.headers import SecurityHeaders
from saeval.evalsuite.service.security.hosts import HostCheck
from saeval.evalsuite.service.security.rates import RateLimits
from saeval.evalsuite.service.settings import ServiceSettings


def secure(app: ASGIApp, settings: ServiceSettings) -> ASGIApp:
    """An application behind all limits; whatever answers, its headers are set and it is logged."""
    limited = RateLimits(BodyLimits(app, settings.limits), settings)
    checked = HostCheck(limited, settings)
    headed = SecurityHeaders(checked, is_https=settings.url.startswith("https:"))
    return AccessLog(headed, settings)
