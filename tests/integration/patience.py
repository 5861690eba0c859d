"""How long the tests wait for what must happen. Only a failure takes that long, so it is more than a busy machine needs."""
import contextlib
import threading

PATIENCE_S = 180
HANDSHAKE_TIMEOUT_MS = PATIENCE_S * 1000                # of brokers whose timeouts are not what is tested


@contextlib.contextmanager
def patience_with(child):
    """Within it, the output of this process ends when the patience does: reading it fails, and does not hang."""
    timer = threading.Timer(PATIENCE_S, child.kill)
    timer.start()
    try:
        yield child
    finally:
        timer.cancel()
