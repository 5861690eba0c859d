/* What stands around every page: the list of pages, the bar at the top, what is wrong now. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { Button } from '../components/basics';
import { Overlays, toast } from '../components/dialog';
import { Select } from '../components/form';
import { Menu } from '../components/menu';
import { Icon } from '../components/icons';
import { link, messageOf } from '../lib/api';
import { duration } from '../lib/format';
import { href, pageKey, useRoute } from '../lib/router';
import { logOut, may, session } from '../lib/session';
import { refreshChoices, refreshSeconds, theme, type Theme } from '../lib/settings';
import { watchStart } from '../lib/start';
import { useStore } from '../lib/store';
import { Alarms } from './alarms';
import { Finder, useFinderKeys } from './finder';
import { Navigation } from './navigation';
import { VhostPicker } from './vhost_picker';

function RefreshPicker() {
    const seconds = useStore(refreshSeconds);
    const choices = refreshChoices.map((n) => [String(n), n === 0 ? 'Not refreshed' : `Every ${n} s`] as const);
    return <Select label="Refresh" value={String(seconds)} choices={choices} onChange={(n) => refreshSeconds.set(Number(n))} />;
}

function UserMenu() {
    const { user } = useStore(session);
    const chosen = useStore(theme);
    return (
        <Menu label={`${user.name}: appearance, log out`} icon="users" text={<span class="wide-only cut">{user.name}</span>}>
            <p class="menu-group"><strong class="cut" title={user.name}>{user.name}</strong><span class="muted small">{user.tags.join(', ') || 'no tags'}</span></p>
            <div class="menu-group"><span class="muted small">Appearance</span>
                <Select label="Appearance" value={chosen} choices={[['system', 'As the system'], ['light', 'Light'], ['dark', 'Dark']]} onChange={(value) => theme.set(value as Theme)} />
            </div>
            <div class="menu-group"><span class="muted small">Refresh</span><RefreshPicker /></div>
            <div class="menu-group">
                {may.administrate() && <a href={href(['users', user.name])}>Your user</a>}
                <a href="./api/index.html">HTTP API</a>
                <a href="./cli/index.html">rabbitmqadmin</a>
            </div>
            <Button onClick={() => void logOut().catch((error: unknown) => toast(messageOf(error), 'bad'))}>Log out</Button>
        </Menu>
    );
}

/* Says for how long the broker has not answered. */
function DownBanner() {
    const { isDown, since } = useStore(link);
    const [now, setNow] = useState(Date.now());
    useEffect(() => {
        if (!isDown) return;
        const timer = window.setInterval(() => setNow(Date.now()), 1000);
        return () => window.clearInterval(timer);
    }, [isDown]);
    if (!isDown) return null;
    return (
        <div class="banner bad">
            <strong role="alert">The broker does not answer.</strong>
            <span>{now - since >= 1000 ? `It was last heard ${duration(now - since)} ago: what you see is what it said then.` : 'What you see is what it said last.'} It is asked again every few seconds, and the page goes on by itself.</span>
        </div>
    );
}

export function Shell({ children }: { children: ComponentChildren }) {
    const [isMenuOpen, setMenuOpen] = useState(false);
    const [isFinding, setFinding] = useState(false);
    const main = useRef<HTMLElement>(null);
    const route = useRoute();
    const address = pageKey(route.path);
    const isFirst = useRef(true);
    useFinderKeys(() => setFinding(true));
    useEffect(watchStart, []);
    useEffect(() => {
        /* A new page begins at its top, and for a screen reader too. */
        if (!isFirst.current) {
            window.scrollTo(0, 0);
            main.current?.focus({ preventScroll: true });
        }
        isFirst.current = false;
    }, [address]);
    return (
        <div class="shell">
            <a class="skip button" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>To the page's content</a>
            <Navigation isOpen={isMenuOpen} onGo={() => setMenuOpen(false)} />
            {isMenuOpen && <button type="button" class="scrim" aria-label="Close the list of pages" onClick={() => setMenuOpen(false)} />}
            <div style={{ minWidth: 0 }}>
                <header class="topbar">
                    <span class="menu-button"><Button kind="quiet" icon="menu" aria-label="Pages" aria-expanded={isMenuOpen} onClick={() => setMenuOpen(true)} /></span>
                    <button type="button" class="find-button" onClick={() => setFinding(true)}><Icon name="search" />Find<kbd>Ctrl K</kbd></button>
                    <span class="grow wide-only" />
                    <VhostPicker />
                    <UserMenu />
                </header>
                <DownBanner />
                <Alarms />
                <main class="main" id="main" ref={main} tabIndex={-1}>{children}</main>
            </div>
            {isFinding && <Finder onClose={() => setFinding(false)} />}
            <Overlays />
        </div>
    );
}
