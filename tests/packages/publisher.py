#!/usr/bin/python3
"""Publishes 1, 2, 3 ... to the queue `numbers` of the broker on this network, each until it is confirmed, until its standard input ends. Prints
`confirmed N` after each confirm, and `broken N` when it has lost N connections.

    publisher.py --read     prints what is in the queue instead, and leaves it there"""
import os
import select
import sys
import time

import pika
import pika.exceptions

LOST = (pika.exceptions.AMQPError, OSError)
QUEUE = 'numbers'


def is_over():
    return bool(select.select([0], [], [], 0)[0]) and not os.read(0, 1)


def say(word, number):
    print(word, number, flush=True)


def publish():
    number, broken, connection = 1, 0, None
    persistent = pika.BasicProperties(delivery_mode=2)
    while not is_over():
        try:
            if not connection:
                connection = pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1'))
                channel = connection.channel()
                channel.queue_declare(QUEUE, durable=True)
                channel.confirm_delivery()
            channel.basic_publish('', QUEUE, str(number), persistent, mandatory=True)
            say('confirmed', number)
            number += 1
        except LOST:
            if connection:
                broken += 1
                say('broken', broken)
            connection = None
            time.sleep(0.05)    # not an attempt after the other while the broker starts


def read():
    with pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1')) as connection:
        channel = connection.channel()
        left = channel.queue_declare(QUEUE, passive=True).method.message_count
        for _, _, body in channel.consume(QUEUE):       # unacknowledged, so they return to the queue
            print(body.decode())
            left -= 1
            if left == 0:
                return


read() if sys.argv[1:] == ['--read'] else publish()
