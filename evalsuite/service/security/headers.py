"""Headers of every answer: what a browser may do with it, and who may keep it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: under it browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Frame-Options": "DENY",
}
_A_YEAR = "max-age=31536000"


class SecurityHeaders:
    """Sets them on every answer, errors too.

    A page that must bring its own style is kept in a sandbox: its own policy, if it begins with
    ``sandbox``, counts in place of ours.

    Parameters
    ----------
    app
        What answers.
    is_https
        Whether users reach it by HTTPS alone.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._is_https = is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _set(self, headers: MutableHeaders, path: str) -> None:
        if not headers.get("content-security-policy", "").startswith("sandbox"):
            headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        for name, value in _ALWAYS.items():
            headers[name] = value
        if self._is_https:
            headers["Strict-Transport-Security"] = _A_YEAR
        del headers["server"]
        if path.startswith("/static/"):
            headers.setdefault("Cache-Control", "public, max-age=300")
            return
        headers.setdefault(
            "Cache-Control", "private, no-cache" if "etag" in headers else "no-store"
        )
        headers.add_vary_header("Cookie")
        headers.add_vary_header("Authorization")
