"""Prefect's settings, made before it is imported: embedded, local, silent, with no account and no telemetry."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

from pipeline.guard import deaf_to_ctrl_c

STARTUP_TIMEOUT_S = 180
"""The embedded API starts in 15–30 s; on a loaded machine it takes longer, and the default gives up at 20 s."""


def prepare_prefect(work: Path, *, verbose: bool) -> None:
    """Set the environment of this process for Prefect; with PREFECT_API_URL set, a server is used as it is.

    A unit that fails is told by the run itself; Prefect's own log of it, with a traceback that may quote what an
    export holds, is shown only if `verbose`. The embedded database lies in the study's own work folder, so that two
    studies never share a lock.
    """
    for library in ("OPENBLAS", "OMP", "MKL"):
        # Workers share the cores; threads of a matrix product that wait for each other burn what others need.
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO" if verbose else "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_SERVER_LEVEL", "ERROR" if verbose else "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")
    os.environ.setdefault("PREFECT_RESULTS_PERSIST_BY_DEFAULT", "false")
    if "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_HOME"] = str((work / "prefect").resolve())
        os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"
        os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", str(STARTUP_TIMEOUT_S))


def start_server() -> None:
    """Start Prefect's embedded server, unless another is named, so that Ctrl-C does not reach it.

    A terminal sends Ctrl-C to all that runs in its foreground. A server that ended at once would leave the flow asking
    it for a minute how to be interrupted; it is ended when this process ends, and killed with its process group.
    """
    if "PREFECT_API_URL" in os.environ:
        return
    from prefect.server.api.server import SubprocessASGIServer

    failed: list[Exception] = []

    def start() -> None:
        try:
            with deaf_to_ctrl_c():
                SubprocessASGIServer().start()
        except Exception as bad:  # noqa: BLE001  whatever it is, it is raised again below
            failed.append(bad)

    # In a thread of its own, because this one must hear Ctrl-C meanwhile.
    starting = Thread(target=start, name="starting the scheduler", daemon=True)
    starting.start()
    starting.join()
    if failed:
        raise failed[0]
