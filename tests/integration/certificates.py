"""Certificates for tests, made with the openssl command: a CA and what it signs.

    ca = Authority(directory)
    server = ca.issue('server', names=['DNS:localhost', 'IP:127.0.0.1'])
    client = ca.issue('client', usage='clientAuth')
    server.certificate, server.key, ca.certificate        # paths of PEM files

Keys are on the curve P-256, which are made in no time; pass kind='rsa' where a client needs RSA.
"""
import os
import subprocess

# Both must be there for clients that check strictly, as Python does since 3.13.
CA_EXTENSIONS = ('basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign')


def addext(extensions):
    return [word for extension in extensions for word in ('-addext', extension)]


def openssl(*words, cwd=None, input=None):
    done = subprocess.run(['openssl', *words], cwd=cwd, input=input, capture_output=True, text=True)
    assert done.returncode == 0, f'openssl {" ".join(words)}:\n{done.stderr}'
    return done.stdout


class Pair:
    """A certificate and its key, as paths."""

    def __init__(self, directory, name):
        self.name = name
        self.certificate = os.path.join(directory, f'{name}.pem')
        self.key = os.path.join(directory, f'{name}.key')
        self.chain = self.certificate                # the certificate, then those of its issuers


class Authority(Pair):
    def __init__(self, directory, name='ca', parent=None):
        os.makedirs(directory, exist_ok=True)
        super().__init__(directory, name)
        self.directory, self.parent = directory, parent
        self.database = os.path.join(directory, f'{name}.index')
        self.list = os.path.join(directory, f'{name}.crl.pem')
        self.config = os.path.join(directory, f'{name}.cnf')
        open(self.database, 'w').close()
        with open(f'{self.database}.attr', 'w') as file:
            file.write('unique_subject = no\n')
        with open(self.config, 'w') as file:
            file.write(f'[ca]\ndefault_ca = it\n[it]\ndatabase = {self.database}\nnew_certs_dir = {directory}\n'
                       'rand_serial = yes\ndefault_md = sha256\npolicy = any\ndefault_crl_days = 30\ncopy_extensions = copy\n'
                       'unique_subject = no\n'
                       '[any]\nC = optional\nO = optional\nOU = optional\nCN = optional\nemailAddress = optional\n')
        if parent is None:
            openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', self.key,
                    '-out', self.certificate, '-days', '3650', '-subj', f'/O=Leveret/CN={name}',
                    *addext(CA_EXTENSIONS))
        else:
            signed = parent.issue(name, extensions=CA_EXTENSIONS, usage=None, names=())
            self.certificate, self.key, self.chain = signed.certificate, signed.key, signed.chain

    def issue(self, name, subject=None, names=('DNS:localhost', 'IP:127.0.0.1'), usage='serverAuth', days=365, begin=None,
              end=None, kind='ec', password=None, extensions=()):
        """Signs a certificate. `begin` and `end` are times like '20200101000000Z', in place of `days`."""
        pair = Pair(self.directory, name)
        request = os.path.join(self.directory, f'{name}.csr')
        key = (['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] if kind == 'ec' else ['-newkey', 'rsa:2048'])
        added = [*extensions, *([f'subjectAltName={",".join(names)}'] if names else []),
                 *([f'extendedKeyUsage={usage}'] if usage else [])]
        openssl('req', '-new', *key, *(['-passout', f'pass:{password}'] if password else ['-nodes']), '-keyout', pair.key,
                '-out', request, '-subj', subject or f'/O=Leveret/CN={name}',
                *addext(added))
        when = ['-startdate', begin, '-enddate', end] if end else ['-days', str(days)]
        openssl('ca', '-batch', '-notext', '-config', self.config, '-cert', self.certificate, '-keyfile', self.key,
                '-in', request, '-out', pair.certificate, '-preserveDN', *when)
        if self.parent is not None:
            pair.chain = os.path.join(self.directory, f'{name}.chain.pem')
            with open(pair.chain, 'w') as file:
                for path in pair.certificate, self.certificate:
                    file.write(open(path).read())
        return pair

    def issue_expired(self, name, **how):
        return self.issue(name, begin='20200101000000Z', end='20210101000000Z', **how)

    def revoke(self, pair):
        openssl('ca', '-config', self.config, '-cert', self.certificate, '-keyfile', self.key, '-revoke', pair.certificate)

    def write_list(self):
        """Writes the list of revoked certificates, and returns its path."""
        openssl('ca', '-config', self.config, '-cert', self.certificate, '-keyfile', self.key, '-gencrl', '-out', self.list)
        return self.list
