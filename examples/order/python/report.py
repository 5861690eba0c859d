#!/usr/bin/python3
"""Takes orders from order_report and writes each report as a page. Runs until Ctrl-C."""
import html
import json
import os
import pathlib

import pika

url = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
folder = pathlib.Path(os.environ.get("REPORT_DIR", "reports"))
folder.mkdir(exist_ok=True)

connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.exchange_declare("order", "direct", durable=True)
channel.queue_declare("order_report", durable=True)
channel.queue_bind("order_report", "order", "order.report")


def report(channel, method, properties, body):
    order = json.loads(body)
    rows = "".join(f"<tr><th>{html.escape(name)}<td>{html.escape(str(value))}\n"
                   for name, value in order.items())
    path = folder / f"order-{order['order']:06}.html"
    draft = path.with_suffix(".draft")
    draft.write_text(f"<!doctype html><meta charset=utf-8><title>Order {order['order']}</title>\n"
                     f"<h1>Order {order['order']}</h1>\n<table>\n{rows}</table>\n")
    draft.rename(path)  # whole, or not at all

    channel.basic_ack(method.delivery_tag)
    print(f"order {order['order']}: {path} written, redelivered: {method.redelivered}", flush=True)


channel.basic_qos(prefetch_count=8)
channel.basic_consume("order_report", report)
try:
    channel.start_consuming()
except KeyboardInterrupt:
    connection.close()
