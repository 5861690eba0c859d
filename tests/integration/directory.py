"""A directory of users: a real slapd with its own files, and servers that only pretend to be one."""
import os
import shutil
import socket
import subprocess
import threading
import time

from brokers import free_port
from patience import PATIENCE_S

BASE = 'dc=example,dc=com'
PASSWORDS = {'ann': 'annspass', 'bob': 'bobspass', 'carol': 'carolspass', 'dave,ou=people': 'davespass', '*': 'starspass'}
ADMIN, ADMIN_PASSWORD = f'cn=admin,{BASE}', 'adminspass'

# ann is in wheel, which is in admins; bob is in staff. Groups round1 and round2 contain each other, and bob.
LDIF = f'''
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: ou=special,ou=groups,{BASE}
objectClass: organizationalUnit
ou: special

dn: ou=vhosts,{BASE}
objectClass: organizationalUnit
ou: vhosts

dn: ou=prod,ou=vhosts,{BASE}
objectClass: organizationalUnit
ou: prod

dn: cn=ann,ou=people,{BASE}
objectClass: inetOrgPerson
cn: ann
sn: A
uid: ann
mail: ann@example.com
userPassword: {PASSWORDS['ann']}
description: ^ann-
title: cn=wheel,ou=groups,{BASE}
title: cn=people,ou=groups,{BASE}

dn: cn=bob,ou=people,{BASE}
objectClass: inetOrgPerson
cn: bob
sn: B
uid: bob
uid: robert
mail: bob@example.com
userPassword: {PASSWORDS['bob']}

dn: cn=carol,ou=people,{BASE}
objectClass: inetOrgPerson
cn: carol
sn: C
uid: carol
mail: shared@example.com
userPassword: {PASSWORDS['carol']}

dn: cn=dave\\,ou\\=people,ou=people,{BASE}
objectClass: inetOrgPerson
cn: dave,ou=people
sn: D
uid: dave
mail: shared@example.com
userPassword: {PASSWORDS['dave,ou=people']}

dn: cn=*,ou=people,{BASE}
objectClass: inetOrgPerson
cn: *
sn: S
uid: star
userPassword: {PASSWORDS['*']}

dn: cn=wheel,ou=groups,{BASE}
objectClass: groupOfNames
cn: wheel
member: cn=ann,ou=people,{BASE}

dn: cn=admins,ou=groups,{BASE}
objectClass: groupOfNames
cn: admins
member: cn=wheel,ou=groups,{BASE}

dn: cn=deep,ou=special,ou=groups,{BASE}
objectClass: groupOfNames
cn: deep
member: cn=ann,ou=people,{BASE}

dn: cn=staff,ou=groups,{BASE}
objectClass: groupOfUniqueNames
cn: staff
uniqueMember: cn=bob,ou=people,{BASE}

dn: cn=round1,ou=groups,{BASE}
objectClass: groupOfNames
cn: round1
member: cn=round2,ou=groups,{BASE}

dn: cn=round2,ou=groups,{BASE}
objectClass: groupOfNames
cn: round2
member: cn=round1,ou=groups,{BASE}
member: cn=bob,ou=people,{BASE}
'''

CONFIGURATION = '''
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {home}/slapd.pid
{tls}
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw {password}
directory {home}/data
maxsize 10485760
dbnosync
index objectClass eq
access to attrs=userPassword by anonymous auth by * none
access to * by * read
'''


class Directory:
    """slapd on loopback, as a child. `certificate` is (certificate, key, authority), files in PEM."""

    def __init__(self, home, certificate=None):
        self.home, self.child = str(home), None
        self.port, self.tls_port = free_port(), free_port()
        self.certificate = certificate
        os.makedirs(f'{self.home}/data')
        # AppArmor may confine /usr/sbin/slapd to its own directories; it does not know a copy.
        self.program = f'{self.home}/slapd'
        shutil.copy('/usr/sbin/slapd', self.program)
        tls = ''
        if certificate:
            tls = 'TLSCertificateFile {}\nTLSCertificateKeyFile {}\nTLSCACertificateFile {}'.format(*certificate)
        with open(f'{self.home}/slapd.conf', 'w') as file:
            file.write(CONFIGURATION.format(home=self.home, base=BASE, admin=ADMIN, password=ADMIN_PASSWORD, tls=tls))
        with open(f'{self.home}/people.ldif', 'w') as file:
            file.write(LDIF.lstrip())
        subprocess.run([self.program, '-Ta', '-f', f'{self.home}/slapd.conf', '-l', f'{self.home}/people.ldif'],
                       check=True, capture_output=True)

    def start(self):
        urls = f'ldap://127.0.0.1:{self.port}'
        if self.certificate:
            urls += f' ldaps://127.0.0.1:{self.tls_port}'
        with open(f'{self.home}/log', 'ab') as log:
            self.child = subprocess.Popen([self.program, '-f', f'{self.home}/slapd.conf', '-h', urls, '-d', '0'],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE_S
        while not self.answers():
            assert self.child.poll() is None, open(f'{self.home}/log').read()
            assert time.monotonic() < end, 'slapd does not answer'
            time.sleep(0.01)
        return self

    def answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self.port), 5):
                return True
        except OSError:
            return False

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(PATIENCE_S)
            self.child = None


class FakeServer:
    """Accepts connections, answers each with the same bytes (none: it stays silent), and then waits."""

    def __init__(self, answer=b'', closes=False):
        self.answer, self.closes, self.accepted = answer, closes, []
        self.has_client = threading.Event()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(connection)
            self.has_client.set()
            if self.answer:
                connection.recv(4096)
                connection.sendall(self.answer)
            if self.closes:
                connection.close()

    def wait_for_a_client(self):
        assert self.has_client.wait(PATIENCE_S)

    def stop(self):
        self.listener.close()
        for connection in self.accepted:
            connection.close()
