"""What the broker serves beside the HTTP API: the management page, whose files are built into it, and a few pages."""
import gzip
import re

import pytest

from http_client import Api, Http

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

PACKED = {'accept-encoding': 'gzip'}


@pytest.fixture(scope='module')
def site(broker):
    return Http(broker.management_port)


@pytest.fixture(scope='module')
def assets(site):
    """The files that the management page names: {path: answer}."""
    names = re.findall(r'(?:src|href)="\./([^"]+\.\w+)"', site.request('GET', '/').text)
    return {'/' + name: site.request('GET', '/' + name, headers=PACKED) for name in names}


def test_the_root_is_the_management_page(site):
    root = site.request('GET', '/')
    assert (root.status, root.headers['content-type'], root.headers['cache-control']) == (200, 'text/html; charset=utf-8', 'no-cache')
    assert '<div id="app">' in root.text
    assert site.request('GET', '/index.html').body == root.body
    head = site.request('HEAD', '/', headers=PACKED)
    assert (head.status, head.body, head.headers['content-encoding']) == (200, b'', 'gzip')
    assert site.request('PUT', '/', '{}').status == 405
    options = site.request('OPTIONS', '/')
    assert (options.status, options.headers['allow']) == (200, 'HEAD, GET, OPTIONS')
    for none in '/assets', '/assets/', '/assets/none.js', '/cli/none', '/../index.html', '//':
        assert site.request('GET', none).status == 404, none


def test_scripts_and_styles_come_from_the_broker_alone(site, assets):
    headers = site.request('GET', '/').headers
    policy = dict(part.split(' ', 1) for part in headers['content-security-policy'].split('; '))
    assert (policy['default-src'], policy['script-src'], policy['style-src']) == ("'none'", "'self'", "'self'")
    assert (headers['x-content-type-options'], headers['x-frame-options'], headers['referrer-policy']) == ('nosniff', 'SAMEORIGIN', 'no-referrer')
    assert any(path.endswith('.js') for path in assets)
    for path, answer in assets.items():
        assert answer.status == 200, path
    # the API has the policy that RabbitMQ's has
    assert site.request('GET', '/api/whoami').headers['content-security-policy'].startswith("script-src 'self' 'unsafe-eval'")


def test_files_are_sent_compressed_to_those_who_take_it(site, assets):
    for path, packed in assets.items():
        plain = site.request('GET', path)
        assert 'content-encoding' not in plain.headers and packed.headers['content-encoding'] == 'gzip'
        assert gzip.decompress(packed.body) == plain.body, path
        assert 'accept-encoding' in packed.headers['vary']
    refused = site.request('GET', '/', headers={'accept-encoding': 'gzip;q=0, br'})
    assert 'content-encoding' not in refused.headers and b'<div' in refused.body


def test_browsers_keep_what_does_not_change(site, assets):
    for path, answer in assets.items():
        is_hashed = path.startswith('/assets/')
        assert answer.headers['cache-control'] == ('public, max-age=31536000, immutable' if is_hashed else 'no-cache'), path
    tag = site.request('GET', '/').headers['etag']
    for known in tag, f'"other", {tag}', '*':
        same = site.request('GET', '/', headers={'if-none-match': known})
        assert (same.status, same.body, same.headers['etag']) == (304, b'', tag), known
    assert site.request('GET', '/', headers={'if-none-match': 'W/"other"'}).status == 200


def test_the_other_pages_lead_to_the_api_and_the_tool(site):
    for link in '/api/index.html', '/cli/index.html':
        page = site.request('GET', link)
        assert page.status == 200 and 'href="/cli/style.css"' in page.text
        assert '<link rel="icon" href="/icon.svg"' in page.text  # or browsers ask for a /favicon.ico
        assert "script-src 'self';" in page.headers['content-security-policy']
    assert site.request('GET', '/icon.svg').status == 200
    style = site.request('GET', '/cli/style.css')
    assert (style.status, style.headers['content-type']) == (200, 'text/css; charset=utf-8')
    for short in '/cli', '/cli/':
        answer = site.request('GET', short)
        assert (answer.status, answer.headers['location']) == (301, '/cli/index.html')


def test_a_script_gets_no_challenge_on_which_a_browser_would_show_a_dialog(broker):
    api = Api(broker)
    for user in None, ('guest', 'wrong'):
        assert api.get('/whoami', user=user).headers['www-authenticate'] == 'Basic realm="RabbitMQ Management"'
        for headers in {'x-requested-with': 'leveret'}, {'accept': 'text/event-stream'}:
            answer = api.get('/whoami', user=user, headers=headers)
            assert (answer.status, answer.headers.get('www-authenticate')) == (401, None), headers
