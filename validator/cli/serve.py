"""`validator serve`: the HTTP service, until SIGTERM or SIGINT; then it answers what is in flight and ends."""

from __future__ import annotations

from validator.cli.base.options import GLOBALS, LogLevel, read_settings
from validator.cli.base.running import long_run, run, say
from validator.cli.base.signals import until_told


def serve() -> None:
    """Answer over HTTP: pre-flights, checks, statuses, sweeps, the dashboard; by the settings under `api`."""
    level = GLOBALS.log_level if GLOBALS.log_level_given else LogLevel.INFO
    long_run()
    run(_serve, level=level, json_lines=True)


async def _serve() -> None:
    import structlog

    from validator import __version__
    from validator.api import application, listening
    from validator.config.base import is_loopback_name
    from validator.serving import open_house

    settings = read_settings()
    log = structlog.get_logger()
    async with open_house(settings) as house, listening(application(house), house) as url:
        if settings.api.tls.cert_file is None and not is_loopback_name(settings.api.host):
            say("validator: plain http, not to this machine alone: secrets travel in clear unless a proxy speaks TLS (api.tls).")
        if not settings.api.tokens_required:
            say("validator: no token is asked for (api.tokens_required): every program of this machine may ask about every user.")
        log.info("server_started", url=str(url), version=__version__)
        await until_told()
        house.sweeping.stop()
    log.info("server_stopped")
