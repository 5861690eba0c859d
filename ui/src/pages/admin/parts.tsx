/* What the pages of administration share. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { Badge, Tabs } from '../../components/basics';
import { Dialog } from '../../components/dialog';
import { Checkbox, Field, Select, TextInput } from '../../components/form';
import { NOTHING } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href } from '../../lib/router';
import { useVhost } from '../../lib/vhost';
import './admin.css';

export type Limits = Record<string, number>;

/* Two words for each limit: in a form, and in a list. */
export const limitWords: Record<string, [string, string]> = {
    'max-connections': ['Connections, at most', 'connections'],
    'max-queues': ['Queues, at most', 'queues'],
    'max-channels': ['Channels, at most', 'channels'],
};

/* "Connections": the column of a list. */
export function limitTitle(name: string): string {
    const word = limitWords[name]?.[1] ?? name;
    return word.charAt(0).toUpperCase() + word.slice(1);
}

/* "100 connections, 50 queues"; a negative limit is none. */
export function limitsText(limits: Limits | null | undefined): string {
    const parts = Object.entries(limits ?? {}).filter(([, n]) => n >= 0).map(([name, n]) => `${n.toLocaleString()} ${limitWords[name]?.[1] ?? name}`);
    return parts.join(', ') || NOTHING;
}

/* A regular expression; one that is empty matches nothing. */
export function Pattern({ of }: { of: string }) {
    return of === '' ? <span class="muted">nothing</span> : <code class="pattern">{of}</code>;
}

/* --- tags of users ------------------------------------------------------------------------------ */

export const knownTags: [string, string][] = [
    ['administrator', 'may do everything'],
    ['monitoring', 'sees everything, also connections of others'],
    ['policymaker', 'sets policies and parameters in its virtual hosts'],
    ['management', 'sees what is in its virtual hosts'],
    ['impersonator', 'may publish with another user’s name'],
];

export function TagBadges({ tags }: { tags: string[] }) {
    if (tags.length === 0) return <span class="muted">no tags</span>;
    return <span class="badges">{tags.map((tag) => <Badge key={tag} kind={tag === 'administrator' ? 'warn' : 'plain'}>{tag}</Badge>)}</span>;
}

export function TagsField({ tags, onChange }: { tags: string[]; onChange: (tags: string[]) => void }) {
    const others = tags.filter((tag) => !knownTags.some(([known]) => known === tag));
    const [typed, setTyped] = useState(others.join(', '));
    const known = tags.filter((tag) => !others.includes(tag));
    const otherTags = (text: string) => text.split(',').map((tag) => tag.trim()).filter((tag) => tag !== '');
    return (
        <fieldset class="stack" style={{ gap: '0.25rem' }}>
            <legend>Tags</legend>
            {knownTags.map(([tag, means]) => (
                <Checkbox key={tag} checked={tags.includes(tag)} label={<>{tag} <span class="muted small">{means}</span></>}
                    onChange={(is) => onChange([...known.filter((one) => one !== tag), ...(is ? [tag] : []), ...otherTags(typed)])} />
            ))}
            <TextInput label="Other tags, separated by commas" placeholder="Other tags, separated by commas" value={typed}
                onChange={(text) => { setTyped(text); onChange([...known, ...otherTags(text)]); }} />
        </fieldset>
    );
}

/* --- three patterns ------------------------------------------------------------------------------ */

export interface Patterns { configure: string; write: string; read: string }

export function PatternFields({ value, onChange }: { value: Patterns; onChange: (value: Patterns) => void }) {
    const set = (part: Partial<Patterns>) => onChange({ ...value, ...part });
    return (
        <>
            <Field label="Configure" hint="Names of queues and exchanges that the user may declare and delete, as a regular expression. Empty: none."><TextInput value={value.configure} onChange={(configure) => set({ configure })} /></Field>
            <Field label="Write" hint="Exchanges to publish to, queues to bind."><TextInput value={value.write} onChange={(write) => set({ write })} /></Field>
            <Field label="Read" hint="Queues to consume from and purge, exchanges to bind to."><TextInput value={value.read} onChange={(read) => set({ read })} /></Field>
        </>
    );
}

/* --- the rest ----------------------------------------------------------------------------------- */

export function useVhostNames(): string[] {
    return useResource<{ name: string }[]>('/vhosts?columns=name', { every: 0 }).data?.map(({ name }) => name) ?? [];
}

export interface Choice { names: string[]; chosen: string; choose: (name: string) => void }

/* One of the names, '' for none: the preferred one, or the only one that is free, until another is chosen. */
export function useChoice(names: string[], preferred: string, taken: string[] = []): Choice {
    const [own, setOwn] = useState<{ name: string; preferred: string } | null>(null);
    const free = names.filter((name) => !taken.includes(name));
    const preset = free.includes(preferred) ? preferred : free.length === 1 ? free[0]! : '';
    return { names, chosen: own?.preferred === preferred ? own.name : preset, choose: (name) => setOwn({ name, preferred }) };
}

/* A vhost: the one that is chosen at the top of the page, or the only one. */
export function useVhostChoice(taken?: string[]): Choice {
    return useChoice(useVhostNames(), useVhost(), taken);
}

export function ChoiceField({ label, of, none = 'Choose …', hint }: { label: string; of: Choice; none?: string; hint?: string | undefined }) {
    return <Field label={label} hint={hint}><Select value={of.chosen} choices={[['', none] as const, ...of.names]} onChange={of.choose} /></Field>;
}

/* A button's window with a form, or nothing. */
export function useDialog(): { isOpen: boolean; open: () => void; close: () => void } {
    const [isOpen, setOpen] = useState(false);
    return { isOpen, open: () => setOpen(true), close: () => setOpen(false) };
}

export function FormDialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
    return <Dialog title={title} onClose={onClose}>{children}</Dialog>;
}

export function NodeTabs({ current }: { current: string }) {
    return (
        <Tabs label="Settings of the node" current={current} tabs={[
            ['config', 'Settings', href(['config'])],
            ['cluster-name', 'Cluster name', href(['cluster-name'])],
            ['feature-flags', 'Feature flags', href(['feature-flags'])],
        ]} />
    );
}
