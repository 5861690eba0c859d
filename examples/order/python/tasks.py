#!/usr/bin/python3
"""The same order as Celery tasks.

    celery -A tasks worker --loglevel info       works
    ./tasks.py                                   places an order and waits until it is closed
"""
import html
import os
import pathlib
import smtplib
import time
from email.message import EmailMessage

from celery import Celery, chord

FOLDER = pathlib.Path(os.environ.get("REPORT_DIR", "reports")).resolve()
RESULTS = pathlib.Path(os.environ.get("RESULT_DIR", "results")).resolve()
SMTP_HOST, SMTP_PORT = os.environ.get("SMTP", "127.0.0.1:25").split(":")
FOLDER.mkdir(exist_ok=True)
RESULTS.mkdir(exist_ok=True)

# Named as the module is, so that tasks have the same names when it is run as a script.
app = Celery("tasks", broker=os.environ.get("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
             backend=f"file://{RESULTS}")
app.conf.task_default_queue = "shop"
app.conf.task_acks_late = True              # acknowledged when done: a killed worker loses nothing
app.conf.task_reject_on_worker_lost = True
app.conf.broker_transport_options = {"confirm_publish": True}
app.conf.result_chord_retry_interval = 0.1  # seconds between looks whether a chord is complete


# A mail server that is away: four more tries, after 1, 2, 4 and 8 seconds.
@app.task(autoretry_for=(OSError, smtplib.SMTPException), max_retries=4,
          retry_backoff=1, retry_jitter=False)
def send_mail(order, subject):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.org", order["email"], subject
    mail.set_content(f"Hello {order['customer']},\n\n"
                     f"this is about your {order['quantity']} x {order['item']}.\n")
    with smtplib.SMTP(SMTP_HOST, int(SMTP_PORT), timeout=10) as smtp:
        smtp.send_message(mail)
    return f"mail to {order['email']}"


@app.task
def make_report(order):
    path = FOLDER / f"order-{order['order']:06}.html"
    rows = "".join(f"<tr><th>{html.escape(name)}<td>{html.escape(str(value))}\n"
                   for name, value in order.items())
    draft = path.with_suffix(".draft")
    draft.write_text(f"<!doctype html><meta charset=utf-8>\n<table>\n{rows}</table>\n")
    draft.rename(path)
    return f"report {path}"


@app.task
def close_order(done, number):
    """Runs when both of the others have; `done` is what they returned."""
    return f"order {number} closed: {', '.join(done)}"


def place_order(order):
    number = order["order"]
    # How did you like it? Asked a little later.
    send_mail.apply_async((order, f"How was order {number}?"), countdown=2)
    # The mail and the report at once, side by side, and when both are done, the end.
    both = [send_mail.s(order, f"Your order {number}"), make_report.s(order)]
    return chord(both)(close_order.s(number))


if __name__ == "__main__":
    now_ms = int(time.time() * 1000)
    print(place_order({"order": now_ms % 1_000_000 + 1, "customer": "Ada Lovelace",
                       "email": "ada@example.org", "item": "Field notebook", "quantity": 3,
                       "unit_cents": 850, "note": "", "ordered_at_ms": now_ms}).get(timeout=60))
