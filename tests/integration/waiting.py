"""Conversations that RabbitMQ already holds and Leveret cannot hold yet: what they are about is not built. A line goes when
that has come; test_differential.py holds all others."""

WAITING = set()
