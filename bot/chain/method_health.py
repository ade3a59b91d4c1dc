"""Which methods of one endpoint fail while others answer, and which it does not serve: they are left alone for a while. Pure.

The endpoint stays good for everything else. What everybody is asked to know how it fares is never left alone, and neither
is handing over bytes. Moments are seconds of the caller's own monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.chain.allowance import FOR_ALL

ALWAYS = FOR_ALL | {"sendTransaction"}

IN_A_ROW = 3
FAILED_REST_S, FAILED_REST_MAX_S = 5.0, 60.0
FORBIDDEN_REST_S, FORBIDDEN_REST_MAX_S = 60.0, 600.0
ALIVE_S = 1.5  # an endpoint that answered another method within this is well; it is probed every second
SLOW_S = 0.2  # who gives up on an answer earlier says nothing about it


@dataclass(slots=True)
class _Method:
    """How one method fares. `fails` is how it was last, `failures_in_row` counts those that were its own.

    `rest_s` is how long it was left alone last, `until_s` when that ends.
    """

    answered_at_s: float = float("-inf")
    fails: bool = False
    failures_in_row: int = 0
    is_forbidden: bool = False
    why: str = ""
    rest_s: float = 0.0
    rests_since_s: float = float("-inf")
    until_s: float = float("-inf")


class MethodHealth:
    """All methods that an endpoint was asked."""

    def __init__(self) -> None:
        self._methods: dict[str, _Method] = {}

    def refuses(self, method: str, now_s: float, *, anyway: bool) -> str | None:
        """Why it is not to be asked for this now; None for what it is good for.

        With `anyway`, for whoever has nobody else to ask, only what it does not serve at all is refused.
        """
        one = self._methods.get(method)
        if one is None or now_s >= one.until_s or (anyway and not one.is_forbidden):
            return None
        return self._told(method, one, now_s)

    def told(self, now_s: float) -> tuple[str, ...]:
        """A sentence for each method that is left alone now."""
        return tuple(
            self._told(method, one, now_s) for method, one in sorted(self._methods.items()) if now_s < one.until_s
        )

    def answered(self, method: str, now_s: float) -> None:
        """A usable answer, or one that is about the question alone."""
        self._methods[method] = _Method(answered_at_s=now_s)

    def forbidden(self, method: str, asked_at_s: float, now_s: float, why: str) -> float | None:
        """The endpoint says that it does not serve the method; the result is as that of `failed`."""
        return self._failed(method, asked_at_s, now_s, why, is_forbidden=True)

    def failed(self, method: str, asked_at_s: float, now_s: float, why: str) -> float | None:
        """No usable answer. None where others do not answer either: then it is the endpoint that fails.

        Else for how many seconds the method is left alone from now on, 0 while it is not or already is.
        """
        return self._failed(method, asked_at_s, now_s, why, is_forbidden=False)

    def cut_off(self, method: str, asked_at_s: float, now_s: float) -> float | None:
        """Whoever asked did not wait any longer; the result is as that of `failed`."""
        if now_s - asked_at_s < SLOW_S:
            return None
        return self.failed(method, asked_at_s, now_s, f"no answer within {now_s - asked_at_s:.2g} s, again and again")

    def forget(self) -> None:
        """What is known is of other credentials."""
        self._methods.clear()

    def _failed(self, method: str, asked_at_s: float, now_s: float, why: str, *, is_forbidden: bool) -> float | None:
        one = self._methods.setdefault(method, _Method())
        one.fails = True
        if method in ALWAYS or not self._is_alive(method, now_s):
            return None
        one.failures_in_row += 1
        if asked_at_s < one.rests_since_s or (one.failures_in_row < IN_A_ROW and not is_forbidden):
            return 0.0
        first_s, most_s = (
            (FORBIDDEN_REST_S, FORBIDDEN_REST_MAX_S) if is_forbidden else (FAILED_REST_S, FAILED_REST_MAX_S)
        )
        one.is_forbidden, one.why = is_forbidden, why
        one.rest_s = min(max(2 * one.rest_s, first_s), most_s)
        one.rests_since_s, one.until_s = now_s, now_s + one.rest_s
        return one.rest_s

    def _is_alive(self, besides: str, now_s: float) -> bool:
        """Whether the endpoint answers another method: lately, and when it was asked for that last."""
        return any(
            one.answered_at_s >= now_s - ALIVE_S and not one.fails
            for method, one in self._methods.items()
            if method != besides
        )

    @staticmethod
    def _told(method: str, one: _Method, now_s: float) -> str:
        what = "is not served" if one.is_forbidden else "fails"
        return f"{method} {what} and is left alone for {one.until_s - now_s:.0f} s: {one.why}"
