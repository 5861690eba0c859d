"""Who issues tokens: keys that rotate, tokens signed by them, and a server that publishes the keys.

The server is part of the test's process, and answers as it is told: with the keys, or with nonsense, late, or not at all.
"""
import datetime
import ipaddress
import json
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

FAR = 86400
ID = 'rabbitmq'


def number(value, size):
    return urlsafe_b64encode(value.to_bytes(size, 'big')).rstrip(b'=').decode()


class Key:
    """A key that signs tokens: EC by default, which is fast to make."""

    def __init__(self, kid, algorithm='ES256'):
        self.kid, self.algorithm = kid, algorithm
        if algorithm.startswith('ES'):
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = rsa.generate_private_key(65537, 2048)

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        if isinstance(numbers, ec.EllipticCurvePublicNumbers):
            return {'kty': 'EC', 'crv': 'P-256', 'kid': self.kid, 'use': 'sig', 'x': number(numbers.x, 32),
                    'y': number(numbers.y, 32)}
        return {'kty': 'RSA', 'kid': self.kid, 'use': 'sig', 'n': number(numbers.n, 256), 'e': 'AQAB'}

    def pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims, **headers):
        headers.setdefault('kid', self.kid)
        return jwt.encode(claims, self.private, self.algorithm, {k: v for k, v in headers.items() if v is not None})


def claims(*scopes, **changes):
    """The claims of a good token with these scopes; a change to None takes one away."""
    all_of_them = {'aud': ID, 'sub': 'ann', 'exp': int(time.time()) + FAR, 'scope': ' '.join(scopes), **changes}
    return {name: value for name, value in all_of_them.items() if value is not None}


def part(data):
    return urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b'=').decode()


class Authority:
    """A certificate authority that lives as long as the test, and a server's certificate from it."""

    def __init__(self, directory, host='127.0.0.1'):
        self.cacertfile, self.chainfile = f'{directory}/ca.pem', f'{directory}/server.pem'
        key, name = ec.generate_private_key(ec.SECP256R1()), self.name('Test Authority')
        root = self.certificate(name, name, key, key.public_key(), x509.BasicConstraints(True, None))
        server = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        leaf = self.certificate(self.name(host), name, key, server.public_key(), x509.SubjectAlternativeName([alternative]))
        with open(self.cacertfile, 'wb') as file:
            file.write(root.public_bytes(serialization.Encoding.PEM))
        with open(self.chainfile, 'wb') as file:
            file.write(leaf.public_bytes(serialization.Encoding.PEM))
            file.write(server.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                            serialization.NoEncryption()))

    @staticmethod
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    @staticmethod
    def certificate(subject, issuer, signer, key, extension):
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=False)
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        return builder.not_valid_after(now + datetime.timedelta(days=1)).sign(signer, hashes.SHA256())


class Issuer:
    """A server of keys on a free port. `answer` is called for each request, with the path, and returns (status, bytes)."""

    def __init__(self, *keys, authority=None):
        self.keys, self.requests, self.answer = list(keys), [], self.publish
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.requests.append(self.path)
                status, body = issuer.answer(self.path)
                self.send_response(status)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.handle_error = lambda *_: None    # a client that does not trust the certificate
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.chainfile)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f'http{"s" if authority else ""}://127.0.0.1:{self.server.server_address[1]}'
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def publish(self, path):
        if path.startswith('/.well-known/openid-configuration'):
            return 200, json.dumps({'issuer': self.url, 'jwks_uri': self.url + '/keys'}).encode()
        return 200, json.dumps({'keys': [key.jwk() for key in self.keys]}).encode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
