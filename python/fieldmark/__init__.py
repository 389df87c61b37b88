"""Fieldmark watches the data that flows through a service, and says which change made it go bad.

    from fieldmark import FieldmarkMiddleware
    app.add_middleware(FieldmarkMiddleware)

Only summaries leave the process, and only to ``FIELDMARK_URL``.
"""

from fieldmark._about import __version__

try:
    from fieldmark.jobs import job
    from fieldmark.log_counter import LogCounter
    from fieldmark.middleware import FieldmarkMiddleware
    from fieldmark.profiles import Profile, profile
except ImportError as error:
    from fieldmark.absent import FieldmarkMiddleware, LogCounter, Profile, job, profile, say  # type: ignore[assignment]

    say(error)

__all__ = ["FieldmarkMiddleware", "LogCounter", "Profile", "__version__", "job", "profile"]
