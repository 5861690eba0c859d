/* The small parts that every page is made of. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { type ApiError, messageOf } from '../lib/api';
import { NOTHING, exchangeName } from '../lib/format';
import { href } from '../lib/router';
import type { Resource } from '../lib/resource';
import { Icon, type IconName } from './icons';

type Kind = 'good' | 'warn' | 'bad' | 'info' | 'plain';

/* The head of a page. `title` is also the window's title. */
export function PageHead({ title, note, crumbs = [], badges, children }: {
    title: string;
    note?: ComponentChildren; /* below the title */
    crumbs?: [string, string][]; /* text and address of what the page is part of */
    badges?: ComponentChildren;
    children?: ComponentChildren; /* actions */
}) {
    document.title = `${title} · Leveret`;
    return (
        <header class="page-head">
            <div class="grow">
                {crumbs.length > 0 && (
                    <nav aria-label="Breadcrumb">
                        <ol class="crumbs">
                            {crumbs.map(([text, to]) => <li key={to}><a href={to} class="cut" title={text}>{text}</a></li>)}
                        </ol>
                    </nav>
                )}
                <div class="row"><h1 title={title}>{title}</h1>{badges}</div>
                {note && <p class="muted page-note">{note}</p>}
            </div>
            {children}
        </header>
    );
}

/* A part of a page, with a title and perhaps actions beside it. */
export function Panel({ title, actions, flush = false, children }: {
    title?: string;
    actions?: ComponentChildren;
    flush?: boolean; /* the content touches the edges, as tables do */
    children: ComponentChildren;
}) {
    return (
        <section class="panel" aria-label={title}>
            {(title || actions) && <div class="panel-head">{title && <h2>{title}</h2>}{actions}</div>}
            <div class={flush ? 'panel-body flush' : 'panel-body'}>{children}</div>
        </section>
    );
}

/* A part of a page that is closed until somebody opens it. */
export function FoldedPanel({ title, open = false, flush = false, children }: {
    title: string; open?: boolean; flush?: boolean; children: ComponentChildren;
}) {
    return (
        <details class="panel" open={open}>
            <summary class="panel-head"><h2>{title}</h2></summary>
            <div class={flush ? 'panel-body flush' : 'panel-body'}>{children}</div>
        </details>
    );
}

/* Names and values. A row whose value is undefined is left out. */
export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
    return (
        <dl class="facts">
            {rows.filter(([, value]) => value !== undefined).map(([name, value]) => (
                <><dt>{name}</dt><dd>{value === null || value === '' ? NOTHING : value}</dd></>
            ))}
        </dl>
    );
}

/* Large figures side by side. */
export function Tiles({ children }: { children: ComponentChildren }) {
    return <div class="tiles">{children}</div>;
}

export function Tile({ label, value, unit, note, to }: {
    label: string; value: string; unit?: string; note?: ComponentChildren; to?: string;
}) {
    const content = (
        <>
            <span class="label">{label}</span>
            <span class="value">{value}{unit && <span class="unit"> {unit}</span>}</span>
            {note && <span class="note">{note}</span>}
        </>
    );
    return to ? <a class="tile" href={to}>{content}</a> : <div class="tile">{content}</div>;
}

/* How much of a limit is used, 0 to 1. The text beside it says it, too. */
export function Meter({ part, level }: { part: number; level?: 'warn' | 'bad' }) {
    return (
        <span class="meter" data-level={level} aria-hidden="true">
            <span style={{ width: `${Math.min(100, Math.max(0, part * 100))}%` }} />
        </span>
    );
}

export function Badge({ kind = 'plain', title, children }: { kind?: Kind; title?: string; children: ComponentChildren }) {
    return <span class="badge" data-kind={kind} title={title}>{children}</span>;
}

/* Something that is said in place: a refusal, a warning, a success. */
export function Notice({ kind = 'info', children }: { kind?: Kind; children: ComponentChildren }) {
    return <div class="notice" data-kind={kind} role={kind === 'bad' ? 'alert' : undefined}>{children}</div>;
}

/* A refusal in the API's words, or nothing. */
export function Refusal({ error }: { error: unknown }) {
    return error ? <Notice kind="bad">{messageOf(error)}</Notice> : null;
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
    return <div class="empty"><strong>{title}</strong>{children}</div>;
}

export function Loading() {
    return <div class="loading" role="status">Loading…</div>;
}

function refusalText(error: ApiError, what: string): string {
    if (error.status === 404) return `There is no such ${what} any more, or there never was.`;
    if (error.status === 401 || error.status === 403) return `Your user may not see this: ${error.message}`;
    return error.message;
}

/* What a resource is shown as until it is there, or null: `<Waiting for={queue} what="queue" />`. A
 * resource that has been there stays, also when the broker is away (the shell says so). */
export function Waiting<T>({ for: resource, what }: { for: Resource<T>; what: string }) {
    if (resource.error?.status === 404 || (resource.error && resource.data === undefined))
        return <Empty title={refusalText(resource.error, what)}>It is looked for again while this page is open.</Empty>;
    return resource.data === undefined ? <Loading /> : null;
}

export interface ButtonProps {
    kind?: 'primary' | 'danger' | 'danger-primary' | 'quiet';
    icon?: IconName;
    type?: 'button' | 'submit';
    form?: string;
    disabled?: boolean;
    autofocus?: boolean;
    title?: string;
    onClick?: (event: MouseEvent) => void;
    'aria-label'?: string; /* for a button without text */
    'aria-expanded'?: boolean;
    'aria-pressed'?: boolean;
    'aria-disabled'?: boolean; /* it waits: unlike a disabled one it keeps the focus */
    children?: ComponentChildren;
}

export function Button({ kind, icon, type = 'button', children, ...rest }: ButtonProps) {
    return (
        <button type={type} class={children ? 'button' : 'button icon'} data-kind={kind} {...rest}>
            {icon && <Icon name={icon} />}{children}
        </button>
    );
}

/* A few choices of which one is in force. */
export function Segmented<T extends string | number>({ label, value, choices, onChange }: {
    label: string; value: T; choices: readonly (readonly [T, string])[]; onChange: (value: T) => void;
}) {
    return (
        <div class="segmented" role="group" aria-label={label}>
            {choices.map(([choice, text]) => (
                <button type="button" key={choice} aria-pressed={choice === value} onClick={() => onChange(choice)}>{text}</button>
            ))}
        </div>
    );
}

/* Views of one page, each with an address. */
export function Tabs({ label, current, tabs }: { label: string; current: string; tabs: [string, string, string][] }) {
    const line = useRef<HTMLElement>(null);
    useEffect(() => {
        /* In a line that is longer than the screen: the current one is in its middle. */
        const tab = line.current!.querySelector<HTMLElement>('[aria-current]');
        if (tab) line.current!.scrollLeft = tab.offsetLeft - line.current!.offsetLeft + (tab.offsetWidth - line.current!.clientWidth) / 2;
    }, [current]);
    return (
        <nav class="tabs" aria-label={label} ref={line}>
            {tabs.map(([id, text, to]) => <a key={id} href={to} aria-current={id === current ? 'page' : undefined}>{text}</a>)}
        </nav>
    );
}

/* --- names, as links to their pages ----------------------------------------------------------- */

/* A name: cut where there is no room, with the whole in its title. */
export function Name({ text, to }: { text: string; to?: string | undefined }) {
    return to ? <a class="cut" href={to} title={text} dir="auto">{text}</a> : <span class="cut" title={text} dir="auto">{text}</span>;
}

export function QueueLink({ vhost, name }: { vhost: string; name: string }) {
    return <Name text={name} to={href(['queues', vhost, name])} />;
}

/* The default exchange, whose name is empty, has the address of amq.default, as in the API. */
export function ExchangeLink({ vhost, name }: { vhost: string; name: string }) {
    return <Name text={exchangeName(name)} to={href(['exchanges', vhost, name || 'amq.default'])} />;
}

export function ConnectionLink({ name, label }: { name: string; label?: string | undefined }) {
    return <Name text={label ?? name} to={href(['connections', name])} />;
}

export function ChannelLink({ name }: { name: string }) {
    return <Name text={name} to={href(['channels', name])} />;
}

export function VhostLink({ name }: { name: string }) {
    return <Name text={name} to={href(['vhosts', name])} />;
}

export function UserLink({ name }: { name: string }) {
    return <Name text={name} to={href(['users', name])} />;
}

/* Arguments, headers and other tables: a line each. */
export function Table({ of }: { of: Record<string, unknown> | null | undefined }) {
    const entries = Object.entries(of ?? {});
    if (entries.length === 0) return <span class="muted">{NOTHING}</span>;
    return (
        <ul class="plain-list">
            {entries.map(([name, value]) => (
                <li key={name}><span class="muted">{name}</span> <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code></li>
            ))}
        </ul>
    );
}
