#!/usr/bin/python3
"""Places an order: publishes it for the mail and for the report, and waits for the confirms.

    ./publish.py "Ada Lovelace" ada@example.org
"""
import json
import os
import sys
import time

import pika

customer, address = sys.argv[1:] or ("Ada Lovelace", "ada@example.org")
url = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")

now_ms = int(time.time() * 1000)
order = {"order": now_ms % 1_000_000 + 1, "customer": customer, "email": address,
         "item": "Field notebook", "quantity": 3, "unit_cents": 850, "note": "",
         "ordered_at_ms": now_ms}

connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()

# The exchange, the queues and the bindings: whoever comes first makes them.
channel.exchange_declare("order", "direct", durable=True)
for queue, routing_key in (("order_notify", "order.notify"), ("order_report", "order.report")):
    channel.queue_declare(queue, durable=True)
    channel.queue_bind(queue, "order", routing_key)

# From here on basic_publish() returns when the broker has the message, and raises if it has not.
channel.confirm_delivery()
for routing_key in ("order.notify", "order.report"):
    channel.basic_publish(
        "order", routing_key, json.dumps(order), mandatory=True,
        properties=pika.BasicProperties(content_type="application/json", delivery_mode=2))

print(f"order {order['order']} is with the broker")
connection.close()
