"""aiobench: benchmark jobs of the aiXplain platform, async first.

Start with `Client`; `aiobench.sync` has the same names without `await`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiobench._public import *  # noqa: F403
    from aiobench._public import __all__ as __all__
else:
    # The names are imported when the first of them is asked for: a command line that prints its help, or a test that
    # needs `aiobench.testing` alone, should not wait for an HTTP client.

    def __getattr__(name: str) -> Any:
        if not name.startswith("_") or name in {"__all__", "__version__"}:
            from aiobench import _public

            globals().update({each: getattr(_public, each) for each in _public.__all__}, __all__=_public.__all__)
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)

    def __dir__() -> list[str]:
        from aiobench import _public

        return sorted({*globals(), *_public.__all__})
