#!/usr/bin/python3
"""Takes orders from order_notify and mails the customer. Runs until Ctrl-C."""
import json
import os
import smtplib
from email.message import EmailMessage

import pika

url = os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
smtp_host, smtp_port = os.environ.get("SMTP", "127.0.0.1:25").split(":")

connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.exchange_declare("order", "direct", durable=True)
channel.queue_declare("order_notify", durable=True)
channel.queue_bind("order_notify", "order", "order.notify")


def notify(channel, method, properties, body):
    order = json.loads(body)
    mail = EmailMessage()
    mail["From"] = "shop@example.org"
    mail["To"] = order["email"]
    mail["Subject"] = f"Your order {order['order']}"
    mail.set_content(f"Hello {order['customer']},\n\n"
                     f"thank you for ordering {order['quantity']} x {order['item']}.\n")
    with smtplib.SMTP(smtp_host, int(smtp_port)) as smtp:
        smtp.send_message(mail)

    # Only now. Had we died before, the broker would give the order to the next notify.
    channel.basic_ack(method.delivery_tag)
    print(f"order {order['order']}: mail sent, redelivered: {method.redelivered}", flush=True)


channel.basic_qos(prefetch_count=8)
channel.basic_consume("order_notify", notify)
try:
    channel.start_consuming()
except KeyboardInterrupt:
    connection.close()
