"""How long the tests wait for what must happen. Only a failure takes that long, so it is more than a busy machine needs."""
PATIENCE_S = 180
