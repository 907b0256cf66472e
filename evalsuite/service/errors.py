"""What the server cannot do, each with its HTTP status."""

from __future__ import annotations

from typing import Any, ClassVar

from saeval.errors import SaevalError


class ServiceError(SaevalError):
    """A request that cannot be done.

    Attributes
    ----------
    status
        Of HTTP.
    detail
        Data about it, for programs and pages.
    """

    status: ClassVar[int] = 400

    def __init__(self, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.detail = detail


class NotSignedInError(ServiceError):
    """No token or session, or one that is not valid."""

    status = 401


class ForbiddenError(ServiceError):
    """The token or session does not allow it."""

    status = 403


class NotFoundError(ServiceError):
    """There is no such thing."""

    status = 404


class ConflictError(ServiceError):
    """What is there does not agree with what is asked."""

    status = 409


class TooLargeError(ServiceError):
    """More than a limit allows."""

    status = 413


class RefusedError(ServiceError):
    """What was sent breaks a rule; `detail` says where."""

    status = 422


class BusyError(ServiceError):
    """It can be done later, when others are done."""

    status = 503
